"""One network in several libraries, in training and in prediction, timed side by side in one run (extra `peers`).

A contestant is a module with `build(case, threads) -> step`: `step()` runs one training step (forward, backward,
optimiser) and returns the loss; and with `predictor(case, threads)`, whose call is one forward pass without a gradient.
Its docstring says what mathematics it does. `worker.py` runs one contestant in a process of its own; `refsbnn bench`
has the workers take turns.
"""
