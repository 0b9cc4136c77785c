"""Training steps of one network in several libraries, timed side by side in one run (extra `peers`).

A contestant is a module with `build(case, threads) -> step`: `step()` runs one training step (forward, backward,
optimiser) and returns the loss. Its docstring says what mathematics it does. `worker.py` runs one contestant in a
process of its own; `refsbnn bench` has the workers take turns.
"""
