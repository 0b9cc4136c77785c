"""Planted errors: one wrong line each, with the test that must catch it. `tests/test_mutants.py` runs them."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """An error: in `file`, the text `old`, which stands there once, becomes `new`; `tests` must then fail."""

    error: str
    file: str
    old: str
    new: str
    tests: str


REFERENCE = "tests/refsbnn/reference"
ESTIMATORS = "tests/refsbnn/estimators"
TWIN = "tests/validation/test_twin.py"

MUTANTS = (
    # The estimators
    Mutant(
        "swapped inequality of the spike",
        "refsbnn/estimators/member.py",
        "return (u < noise.cdf(r)).astype",
        "return (u > noise.cdf(r)).astype",
        f"{REFERENCE}/test_unit.py::test_a_spike_is_a_uniform_below_pi",
    ),
    Mutant(
        "unnormalised target of mix",
        "refsbnn/estimators/binary.py",
        "return 1.0 - self.lam, 0.5 * self.lam, 0.5 * self.lam",
        "return 1.0 - self.lam, self.lam, self.lam",
        f"{ESTIMATORS}/test_binary.py",
    ),
    Mutant(
        "affine members: the other state's hazard",
        "refsbnn/estimators/binary.py",
        "b1 * noise.pdf_over_cdf(r), b0 * noise.pdf_over_sf(r)",
        "b1 * noise.pdf_over_sf(r), b0 * noise.pdf_over_cdf(r)",
        f"{ESTIMATORS}/test_binary.py",
    ),
    Mutant(
        "temp: a bound of 1 + c for 1 + c/2",
        "refsbnn/estimators/binary.py",
        "(1.0 + 0.5 * self.c * other)",
        "(1.0 + self.c * other)",
        f"{ESTIMATORS}/test_binary.py",
    ),
    Mutant(
        "gapped-st: the logit's derivative without one of its hazards",
        "refsbnn/estimators/binary.py",
        "/ self.tau * (noise.pdf_over_cdf(s) + noise.pdf_over_sf(s))",
        "/ self.tau * noise.pdf_over_cdf(s)",
        f"{ESTIMATORS}/test_binary.py",
    ),
    Mutant(
        "kernels: the float32 logit without a square root",
        "refsbnn/kernels/slopes.py",
        "x = sqrt(sqrt(sqrt(sqrt(",
        "x = (sqrt(sqrt(sqrt(",
        "tests/refsbnn/kernels/test_slopes.py",
    ),
    Mutant(
        "kernels: temp with the probability of the own state",
        "refsbnn/kernels/slopes.py",
        "other = select_less(own, splat(ZERO), high, low)",
        "other = select_less(own, splat(ZERO), low, high)",
        "tests/refsbnn/kernels/test_slopes.py",
    ),
    Mutant(
        "agr: density of the wrong width",
        "refsbnn/estimators/gumbel.py",
        "/ (np.sqrt(2.0 * np.pi) * width)",
        "/ np.sqrt(2.0 * np.pi)",
        f"{ESTIMATORS}/test_gumbel.py::test_agr_is_the_integral_it_stands_for",
    ),
    Mutant(
        "gr: a sum for a mean over its draws",
        "refsbnn/estimators/gumbel.py",
        ".mean(axis=0) / self.tau",
        ".sum(axis=0) / self.tau",
        f"{ESTIMATORS}/test_gumbel.py::test_gr_has_agr_as_mean_and_a_kth_of_the_variance",
    ),
    Mutant(
        "identity-st with a slope of zero",
        "refsbnn/estimators/outside.py",
        "        return np.ones(np.broadcast_shapes(np.shape(h), np.shape(r)))\n\n    def weight(",
        "        return np.zeros(np.broadcast_shapes(np.shape(h), np.shape(r)))\n\n    def weight(",
        f"{ESTIMATORS}/test_outside.py::test_identity_st_passes_the_gradient_unchanged",
    ),
    # The reference layers
    Mutant(
        "missing factor 1/2 in the gradient of the variance",
        "refsbnn/reference/unit.py",
        "dv = -(c * r) / (2.0 * s * s)",
        "dv = -(c * r) / (s * s)",
        f"{REFERENCE}/test_unit.py::test_backward_is_the_weight_times_the_derivative_of_pi",
    ),
    Mutant(
        "missing factor 2 of bipolar units",
        "refsbnn/reference/unit.py",
        "g, h = 2.0 * g, (h + 1.0) / 2.0",
        "g, h = g, (h + 1.0) / 2.0",
        f"{REFERENCE}/test_unit.py::test_backward_is_the_weight_times_the_derivative_of_pi",
    ),
    Mutant(
        "quadratic extension of the variance for the linear one",
        "refsbnn/reference/moments.py",
        "return x, np.ones_like(x)",
        "return x * x, 2.0 * x",
        f"{REFERENCE}/test_moments.py",
    ),
    Mutant(
        "transposed weight gradient: inputs for cotangents",
        "refsbnn/reference/dense.py",
        "sigma2=np.tensordot(dv, x2, (leading, leading))",
        "sigma2=np.tensordot(dm, x2, (leading, leading))",
        f"{REFERENCE}/test_dense.py::test_backward",
    ),
    Mutant(
        "convolution: the extension's slope left out of dx",
        "refsbnn/reference/conv2d.py",
        "dx = dx + dx_variance * dx2",
        "dx = dx + dx_variance",
        f"{REFERENCE}/test_conv2d.py::test_backward",
    ),
    Mutant(
        "decay applied to the input as well, after the reset",
        "refsbnn/reference/lif.py",
        "M[t] = beta * before_M * (1.0 - before_z) + m_t",
        "M[t] = beta * (before_M * (1.0 - before_z) + m_t)",
        f"{REFERENCE}/test_lif.py::test_forward_is_each_neuron_written_out",
    ),
    Mutant(
        "reset detached where it should flow, flowing where it should be detached",
        "refsbnn/reference/lif.py",
        'if reset_gradient and reset == "hard":',
        'if not reset_gradient and reset == "hard":',
        f"{REFERENCE}/test_lif.py::test_backward_sends_each_slope_through_time",
    ),
    Mutant(
        "soft reset's gradient with the wrong sign",
        "refsbnn/reference/lif.py",
        "dz = -theta * dM  # theory 3.12",
        "dz = theta * dM  # theory 3.12",
        f"{REFERENCE}/test_lif.py::test_backward_sends_each_slope_through_time",
    ),
    Mutant(
        "recurrent gradient from the spikes of the wrong step",
        "refsbnn/reference/lif.py",
        "own = dense.backward(dM, dV, z[last],",
        "own = dense.backward(dM, dV, z[now],",
        f"{REFERENCE}/test_lif.py::test_backward_sends_each_slope_through_time",
    ),
    Mutant(
        "scale for its square on the residual variance",
        "refsbnn/reference/residual.py",
        "return H + scale * m, kept + scale**2 * v",
        "return H + scale * m, kept + scale * v",
        f"{REFERENCE}/test_residual.py::test_sum",
    ),
    Mutant(
        "missing factor 1/2 in the sampled readout",
        "refsbnn/reference/readout.py",
        "g * eps / (2.0 * s)",
        "g * eps / s",
        f"{REFERENCE}/test_readout.py::test_sampled_logits",
    ),
    # The composition that trains
    Mutant(
        "the stream's own gradient of the variance lost at a branch",
        "refsbnn/layers/residual.py",
        "dU = None if dU is None else dU + dx.v",
        "dU = None if dU is None else dx.v",
        f"{TWIN}::test_mean_bias_variance_and_mean_squared_error_are_the_oracles[residual]",
    ),
    Mutant(
        "every piece of time with the first one's uniforms",
        "refsbnn/layers/time.py",
        "draws=run.draws.at(first)",
        "draws=run.draws.at(0)",
        f"{TWIN}::test_layers_run_again_and_time_in_pieces_give_the_same[1-neurons on spikes]",
    ),
    Mutant(
        "averages of spikes taken for spikes",
        "refsbnn/layers/shape.py",
        'signal.values("real", self.pooled(signal))',
        "signal.values(signal.domain, self.pooled(signal))",
        f"{TWIN}::test_mean_bias_variance_and_mean_squared_error_are_the_oracles[convolution average pool]",
    ),
    # Loss, divergence, baselines, streams
    Mutant(
        "KL gradient without its 1/2",
        "refsbnn/posterior.py",
        "mu / prior, 0.5 * d / sigma2)",
        "mu / prior, d / sigma2)",
        "tests/refsbnn/test_posterior.py::test_kl_is_nonnegative_sums_and_has_its_gradients",
    ),
    Mutant(
        "KL without 1/N",
        "refsbnn/objective.py",
        "KLWeight(share / examples, share != 1.0)",
        "KLWeight(share, share != 1.0)",
        "tests/refsbnn/test_objective.py::test_kl_weight_rises_to_one_over_n_and_says_when_it_is_not",
    ),
    Mutant(
        "wrong leave-one-out factor",
        "refsbnn/baselines.py",
        "(losses - losses.mean(axis=0)) / (len(losses) - 1)",
        "(losses - losses.mean(axis=0)) / len(losses)",
        "tests/refsbnn/test_baselines.py::test_reinforce_has_the_exact_gradient_as_mean",
    ),
    Mutant(
        "streams: the key bumped a round early",
        "refsbnn/streams.py",
        "key[j] + i * WEYL[j]",
        "key[j] + (i + 1) * WEYL[j]",
        "tests/refsbnn/test_streams.py",
    ),
    # The oracle
    Mutant(
        "oracle: sign of dr/dv",
        "oracle/noise.py",
        "drdv=-0.5 * r / v_safe",
        "drdv=0.5 * r / v_safe",
        "tests/oracle/test_noise.py",
    ),
    Mutant(
        "oracle: decay of the variance not squared",
        "oracle/lif.py",
        "beta**2 * before.spread + 2.0",
        "beta * before.spread + 2.0",
        "tests/oracle/test_dynamics.py::test_lif_is_the_recursion_of_the_theory",
    ),
    Mutant(
        "oracle: scale for its square on the residual variance",
        "oracle/dynamics.py",
        "spread = scale**2 * v +",
        "spread = scale * v +",
        "tests/oracle/test_dynamics.py::test_the_stream_is_the_sum_of_the_theory",
    ),
    Mutant(
        "oracle: the square of a bipolar slope",
        "oracle/transfer.py",
        "gain**2 * k2",
        "gain * k2",
        "tests/oracle/test_moments.py::test_transfer_is_brute_force",
    ),
    Mutant(
        "oracle: variance of gr over one draw too many",
        "oracle/members.py",
        "(square - mean**2) / draws",
        "(square - mean**2) / (draws + 1)",
        "tests/oracle/test_members.py",
    ),
    Mutant(
        "oracle: the other halves' states in each other's place",
        "oracle/halves.py",
        "return ((here.first * reach) @ here.second.T).ravel()",
        "return (here.second @ (here.first * reach).T).ravel()",
        "tests/oracle/test_halves.py::test_means_changes_and_scores_are_sums_over_the_table",
    ),
    Mutant(
        "oracle: values averaged as they are, their constant too",
        "oracle/halves.py",
        "here.square(values - values.mean())",
        "here.square(values)",
        "tests/oracle/test_halves.py::test_a_constant_does_not_drown_a_change",
    ),
    Mutant(
        "oracle: a pair across the halves without the second slope",
        "oracle/halves.py",
        "table[:cut, j] @ second.weighted[j - cut]",
        "table[:cut, j] @ second.plain",
        "tests/oracle/test_halves.py::test_slopes_and_pairs_are_sums_over_the_table",
    ),
    Mutant(
        "oracle: of the readout's blocks the last alone",
        "oracle/readout.py",
        "by_second[kind] += weighted.sum(axis=1)",
        "by_second[kind] = weighted.sum(axis=1)",
        "tests/oracle/test_halves.py::test_the_readout_is_that_of_states_one_by_one[binary-linear-None]",
    ),
    Mutant(
        "oracle: readings in single precision",
        "oracle/readout.py",
        "np.ascontiguousarray(m.T)",
        "np.ascontiguousarray(m.T).astype(np.float32)",
        "tests/oracle/test_halves.py::test_a_reading_is_rounded_as_one_sum_of_its_units",
    ),
    Mutant(
        "oracle: gapped-st at the other side of the gap",
        "oracle/members.py",
        "np.maximum(np.stack([-own, own], axis=-1), gap)",
        "np.maximum(np.stack([own, -own], axis=-1), gap)",
        f"{ESTIMATORS}/test_binary.py",
    ),
    Mutant(
        "oracle: bias with the wrong sign",
        "oracle/moments.py",
        "return self.mean - self.gradient",
        "return self.gradient - self.mean",
        "tests/oracle/test_moments.py::test_one_unit_by_hand",
    ),
    Mutant(
        "oracle: a stage's states read from its neighbour's bits",
        "oracle/tree.py",
        "nodes >> sum(units[s + 1 : t])",
        "nodes >> sum(units[s + 1 :])",
        "tests/oracle/test_exact.py::test_loss_is_the_loop_over_joint_spikes",
    ),
    Mutant(
        "oracle: bound without the weight of the divergence",
        "oracle/elbo.py",
        "loglik - kl_weight * divergence",
        "loglik - divergence",
        "tests/oracle/test_elbo.py",
    ),
    Mutant(
        "oracle: the weights of a stream counted as drawn once",
        "oracle/elbo.py",
        "blocks - b if net.accumulate",
        "1 if net.accumulate",
        "tests/oracle/test_elbo.py::test_draws_are_counted_layer_by_layer",
    ),
    Mutant(
        "KL of each draw without its factor in the gradient",
        "refsbnn/posterior.py",
        "into += count * of_kl * weight",
        "into += of_kl * weight",
        "tests/refsbnn/test_network.py::test_kl_of_each_draw_is_that_of_one_times_the_draws",
    ),
    Mutant(
        "the Jacobian without the way through the variance",
        "oracle/profile.py",
        "transfer.jacobian(net, x, step)",
        "(law.drdm[:, :, None] * layer.mu)",
        "tests/oracle/test_profile.py",
    ),
)
