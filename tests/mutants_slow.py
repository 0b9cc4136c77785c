"""Planted errors in synaptic currents and adaptive thresholds (theory 3.30 to 3.35), as in `tests/mutants.py`."""

from tests.mutants import Mutant

REFERENCE = "tests/refsbnn/reference/test_lif_slow.py"
KERNELS = "tests/refsbnn/kernels/test_lif_slow.py"
BLOCK = f"{KERNELS}::test_neurons_on_both_sides_of_every_block[False-(7, 5)-float32]"
ADAPTS = "tests/refsbnn/test_sensitivity.py::test_neurons_with_a_current_and_a_threshold_that_adapts"

SLOW = (
    Mutant(
        "oracle: the noise that membrane and current share counted once",
        "oracle/lif.py",
        "2.0 * net.alpha * beta * before.both",
        "net.alpha * beta * before.both",
        "tests/oracle/test_dynamics.py::test_current_and_threshold_are_what_the_theory_defines[True-hard]",
    ),
    Mutant(
        "oracle: a threshold that a detached reset keeps still",
        "oracle/lif.py",
        "dz = (1.0 - net.adapt_decay) * up",
        "dz = (1.0 - net.adapt_decay) * up * net.reset_gradient",
        "tests/oracle/test_dynamics.py::test_lif_adjoints",
    ),
    Mutant(
        "the noise that membrane and current share left out",
        "refsbnn/reference/lif_slow.py",
        "2.0 * alpha * beta * before_C",
        "0.0 * alpha * beta * before_C",
        f"{REFERENCE}::test_forward_is_the_sum_of_drives_that_defines_it",
    ),
    Mutant(
        "a threshold without its gradient",
        "refsbnn/reference/lif_slow.py",
        "dz = (1.0 - adapt_decay) * da",
        "dz = 0.0 * da",
        f"{REFERENCE}::test_backward_sends_each_slope_through_time",
    ),
    Mutant(
        "the reset's gradient without what the covariance loses",
        "refsbnn/reference/lif_slow.py",
        "dz = dz - beta * (M[last] * dM + shared)",
        "dz = dz - beta * M[last] * dM",
        f"{REFERENCE}::test_backward_of_the_relaxation_is_the_derivative_of_its_forward",
    ),
    Mutant(
        "the current's state not handed on between pieces",
        "refsbnn/reference/lif_slow.py",
        "last = SlowState(before_M, before_V, before_z, J, U,",
        "last = SlowState(before_M, before_V, before_z, 0.0 * J, U,",
        f"{REFERENCE}::test_two_pieces_are_the_whole",
    ),
    Mutant(
        "engine: the current's variance decays by alpha",
        "refsbnn/kernels/slow_loops.py",
        "spread = alphas * alphas * load(kept, at_U + j) + spread",
        "spread = alphas * load(kept, at_U + j) + spread",
        BLOCK,
    ),
    Mutant(
        "engine: the covariance's gradient of the variance counted once",
        "refsbnn/kernels/slow_adjoint.py",
        "(later + later + load(dC, at + i))",
        "(later + load(dC, at + i))",
        BLOCK,
    ),
    Mutant(
        "the penalty without the threshold's rise",
        "refsbnn/sensitivity.py",
        "mean -= self.rise",
        "mean -= 0.0 * self.rise",
        f"{ADAPTS}[True-True-True]",
    ),
    Mutant(
        "the penalty's gradient of the threshold with the other sign",
        "refsbnn/layers/neurons.py",
        '"da"] = -self.adapt * penalty * one.m',
        '"da"] = self.adapt * penalty * one.m',
        "tests/refsbnn/test_network.py::test_backward_is_the_derivative[current and adaptation-sensitivity]",
    ),
    Mutant(
        "NIR: the current's time constant for the membrane's",
        "refsbnn/exchange/to_nir.py",
        "tau, tau_syn = dt / (1.0 - beta), dt / (1.0 - layer.alpha)",
        "tau_syn, tau = dt / (1.0 - beta), dt / (1.0 - layer.alpha)",
        "tests/refsbnn/exchange/test_nir.py::test_what_is_written_is_read_back_to_the_same_spikes[currents]",
    ),
)
