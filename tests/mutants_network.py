"""Planted errors in layers, tapes, pieces of time, optimisers, training, data, evaluation, as in `tests/mutants.py`."""

from tests.mutants import Mutant

GRADIENTS = "tests/refsbnn/test_network.py::test_backward_is_the_derivative"
BACKENDS = "tests/refsbnn/test_backends.py"
PIECES = f"{BACKENDS}::test_pieces_of_time_give_the_same_bits_forward_and_the_same_gradients[recurrent neurons-numpy]"
OPTIM = "tests/refsbnn/test_optim.py"
LOOP = "tests/refsbnn/training/test_loop.py"
DATA = "tests/refsbnn/data"
SENSITIVITY = "tests/refsbnn/test_sensitivity.py"
PIECES = "tests/refsbnn/test_backends.py::test_pieces_of_time_give_the_same_bits_forward_and_the_same_gradients"
MOVED = "tests/validation/test_sensitivity.py::test_each_layers_part_and_the_readouts_are_the_oracles"
EVALUATION = "tests/refsbnn/evaluation"

NETWORKS = (
    # Layers
    Mutant(
        "the prior's variance times the fan-in for divided by it",
        "refsbnn/layers/linear.py",
        "variance = self.prior / fan_in(",
        "variance = self.prior * fan_in(",
        "tests/refsbnn/layers/test_linear.py",
    ),
    Mutant(
        "a branch's weights without its scale in the penalty",
        "refsbnn/fed.py",
        "each._replace(scale=scale * each.scale)",
        "each",
        f"{GRADIENTS}[point, residual-sensitivity]",
    ),
    Mutant(
        "the penalty's sums over the units that weights leave for those that they enter",
        "refsbnn/sensitivity.py",
        "mu = self.mu.reshape(len(self.mu), -1)",
        "mu = self.mu.T.reshape(len(self.mu), -1)",
        f"{GRADIENTS}[recurrent-sensitivity]",
    ),
    # The auxiliary loss
    Mutant(
        "the other sign of what a spike moves through mean and variance",
        "refsbnn/sensitivity.py",
        "(a - slope * c + 0.25",
        "(a + slope * c + 0.25",
        f"{SENSITIVITY}::test_units_are_the_sum_over_single_spikes",
    ),
    Mutant(
        "the variance's square without its quarter",
        "refsbnn/sensitivity.py",
        "c - m.dtype.type(0.25) * slope * q",
        "c - slope * q",
        f"{SENSITIVITY}::test_units_are_the_sum_over_single_spikes",
    ),
    Mutant(
        "the first layer, whose inputs are not sampled, counted",
        "refsbnn/layers/linear.py",
        "return Weights(mu, sigma2, stage.place.input.span)",
        "return Weights(mu, sigma2, stage.place.input.span or 1.0)",
        f"{MOVED}[dense]",
    ),
    Mutant(
        "{-1,+1} spikes that move by 1",
        "refsbnn/layers/signal.py",
        'span=2.0 if domain == "bipolar" else 1.0',
        "span=1.0",
        f"{MOVED}[dense bipolar closed form]",
    ),
    Mutant(
        "{-1,+1} spikes that move the variance",
        "refsbnn/sensitivity.py",
        "self.scale**2 * self.span * (2.0 - self.span)",
        "self.scale**2 * self.span",
        f"{MOVED}[dense bipolar closed form]",
    ),
    Mutant(
        "the reset left out",
        "refsbnn/layers/neurons.py",
        "reset = Reset(beta, theta,",
        "reset = Reset(0.0, 0.0,",
        f"{MOVED}[recurrent LIF hard accumulate=True flows=True linear]",
    ),
    Mutant(
        "the reset and the recurrent weight of one spike as two",
        "refsbnn/sensitivity.py",
        "moved * (moved + 2.0 * mean)",
        "moved * moved",
        f"{SENSITIVITY}::test_neurons_are_the_sum_over_single_spikes",
    ),
    Mutant(
        "H without p p^T",
        "refsbnn/curvature.py",
        "value = p @ norm2 - np.square(mean).sum(axis=1)",
        "value = p @ norm2",
        f"{SENSITIVITY}::test_curvature_is_the_hessian_along_each_spike",
    ),
    Mutant(
        "a readout over time as if read once",
        "refsbnn/layers/readout.py",
        "return float(np.sqrt(np.square(c).sum()))",
        "return 1.0",
        f"{MOVED}[neurons on spikes]",
    ),
    Mutant(
        "the penalty of the next piece's first step, lost",
        "refsbnn/layers/neurons.py",
        "part[-1] += sent",
        "part[-1] += 0.0 * sent",
        PIECES,
    ),
    Mutant(
        "the curvature's gradient of the readout's weights left out",
        "refsbnn/training/step.py",
        "penalty * bent.weight",
        "0.0 * bent.weight",
        f"{LOOP}::test_the_gradient_of_the_loss_with_its_penalty",
    ),
    Mutant(
        "the zero-mean projection left out of the gradient",
        "refsbnn/layers/linear.py",
        "posterior.zero_mean_backward(g)",
        "(g)",
        f"{GRADIENTS}[residual-norm]",
    ),
    Mutant(
        "a max pool's gradient by its size for its stride",
        "refsbnn/layers/shape.py",
        "tape.largest, tape.shape, self.size, self.stride), {}",
        "tape.largest, tape.shape, self.size, None), {}",
        f"{GRADIENTS}[max pool-norm]",
    ),
    # Tapes
    Mutant(
        "run again from what left a segment, not from what entered",
        "refsbnn/network.py",
        "segments.append(Segment(entered, None,",
        "segments.append(Segment(value, None,",
        f"{BACKENDS}::test_recomputing_gives_the_same_bits_from_a_smaller_tape[binary and bipolar units-numpy]",
    ),
    Mutant(
        "bits of a tape in the other order",
        "refsbnn/kernels/keep.py",
        "np.packbits(values, ",
        "np.packbits(values[::-1], ",
        "tests/refsbnn/kernels/test_keep.py",
    ),
    Mutant(
        "flatten's gradient in the shape of its output",
        "refsbnn/layers/shape.py",
        "None if g is None else g.reshape(tape.shape), {}",
        "g, {}",
        f"{GRADIENTS}[max pool-norm]",
    ),
    # Pieces of time
    Mutant(
        "the last, shorter piece counted as a whole one",
        "refsbnn/layers/time.py",
        "share = min(size, total - first) / total",
        "share = size / total",
        PIECES,
    ),
    Mutant(
        "input gradients of the pieces in the order in which they are made",
        "refsbnn/layers/time.py",
        "dx.insert(0, value)",
        "dx.append(value)",
        PIECES,
    ),
    Mutant(
        "the bias penalty whole in every piece",
        "refsbnn/layers/time.py",
        "part, penalty * share)",
        "part, penalty)",
        PIECES,
    ),
    Mutant(
        "a piece of events keeps the offsets of the whole",
        "refsbnn/events.py",
        "return Events(offsets - offsets[0], columns,",
        "return Events(offsets, columns,",
        "tests/refsbnn/test_events.py::test_some_steps_are_those_of_the_array",
    ),
    # Optimisers
    Mutant(
        "Adam: the second moment corrected with the first one's decay",
        "refsbnn/optim.py",
        "1 - self.decay2**self.steps",
        "1 - self.decay1**self.steps",
        f"{OPTIM}::test_adam_is_its_recursion",
    ),
    Mutant(
        "clipping by the square of the norm",
        "refsbnn/optim.py",
        "norm = float(np.sqrt(total))",
        "norm = float(total)",
        f"{OPTIM}::test_clipping_keeps_the_direction",
    ),
    Mutant(
        "cosine: the warm-up counted twice",
        "refsbnn/optim.py",
        "/ max(steps - warmup, 1)",
        "/ max(steps, 1)",
        f"{OPTIM}::test_schedules",
    ),
    Mutant(
        "SGD: every block with the gradient of the first",
        "refsbnn/optim.py",
        "v += np.multiply(g[at], scale",
        "v += np.multiply(g[: at.stop - at.start], scale",
        f"{OPTIM}::test_blocks_are_the_whole_array_in_its_own_type",
    ),
    # Training
    Mutant(
        "the same order in every epoch",
        "refsbnn/training/loop.py",
        "permutation(plan.examples, step=epoch)",
        "permutation(plan.examples, step=0)",
        f"{LOOP}::test_each_epoch_takes_the_examples_once_in_an_order_of_its_own",
    ),
    Mutant(
        "the rate of the next step",
        "refsbnn/training/loop.py",
        "plan.rate(state.step))",
        "plan.rate(state.step + 1))",
        f"{LOOP}::test_each_step_has_its_weight_and_rate",
    ),
    Mutant(
        "the gradient of a sum where an example has several samples",
        "refsbnn/training/step.py",
        "-found.dm / len(rows)",
        "-found.dm / len(shard.rows)",
        f"{LOOP}::test_several_samples_are_the_mean_over_their_draws",
    ),
    Mutant(
        "the gradient of the readout's variance with its sign turned",
        "refsbnn/training/step.py",
        "share * -found.dv",
        "share * found.dv",
        "tests/refsbnn/training/test_likelihood.py::test_the_steps_gradient_at_the_readout",
    ),
    Mutant(
        "learnt noise without the readout's own",
        "refsbnn/training/likelihood.py",
        "np.square(labels - output.m) + output.v  # theory 4.20",
        "np.square(labels - output.m)",
        "tests/refsbnn/training/test_likelihood.py::test_the_learnt_noise_is_the_most_likely_one",
    ),
    Mutant(
        "samples of an example that share their noise",
        "refsbnn/training/step.py",
        "np.tile(np.arange(samples), len(index))",
        "np.tile(np.zeros(samples, int), len(index))",
        f"{LOOP}::test_several_samples_are_the_mean_over_their_draws",
    ),
    Mutant(
        "the record's means over all steps, whether they gave a number or not",
        "refsbnn/training/tally.py",
        "total / self.counts[name]",
        "total / self.count",
        "tests/refsbnn/training/test_tally.py::test_a_number_is_averaged_over_the_steps_that_gave_it",
    ),
    # Data
    Mutant(
        "a crop that never reaches the last place",
        "refsbnn/data/images.py",
        "drawn[:, :2] * (2 * self.shift + 1)",
        "drawn[:, :2] * (2 * self.shift)",
        f"{DATA}/test_images.py::test_a_crop_reaches_every_place",
    ),
    Mutant(
        "latency: a step late",
        "refsbnn/data/digits.py",
        "np.floor((1.0 - x) * steps)",
        "np.ceil((1.0 - x) * steps)",
        "tests/refsbnn/test_digits.py::test_latency_code_fires_once_and_earlier_when_brighter",
    ),
    Mutant(
        "pixels mirrored after they moved",
        "refsbnn/data/scatter.py",
        "(width - 1 - x if mirrored[b] else x) + moved[b, 1]",
        "(width - 1 - (x + moved[b, 1]) if mirrored[b] else x + moved[b, 1])",
        f"{DATA}/test_spikes.py::test_what_is_off_leaves_the_others_draws_alone",
    ),
    Mutant(
        "late before it is stretched",
        "refsbnn/data/scatter.py",
        "(t + np.float64(u[3])) * stretch + late",
        "(t + late + np.float64(u[3])) * stretch",
        f"{DATA}/test_spikes.py::test_blended_means_agree_after_stretching",
    ),
    Mutant(
        "all events of the recording that another one is blended with",
        "refsbnn/data/spikes.py",
        "OTHER, drop[blended], more)",
        "OTHER, np.full(len(blended), single.drop), more)",
        f"{DATA}/test_spikes.py::test_blended_recordings_are_halves_of_two_of_a_label",
    ),
    Mutant(
        "blended with whatever label",
        "refsbnn/data/spikes.py",
        "order[first + np.floor(u * (end - first)).astype(np.int64)]",
        "np.floor(u * len(labels)).astype(np.int64)",
        f"{DATA}/test_spikes.py::test_blended_recordings_are_halves_of_two_of_a_label",
    ),
    Mutant(
        "pixels that fill no block make one more",
        "refsbnn/data/pixels.py",
        "np.minimum(a.astype(np.int64) // downsample, n - 1)",
        "a.astype(np.int64) // downsample",
        f"{DATA}/test_cameras.py::test_coarse_pixels_are_all_used",
    ),
    # Pieces of time
    Mutant(
        "every piece has the whole of what the units above ask of the weights",
        "refsbnn/layers/time.py",
        "g.rows.times(share)",
        "g.rows",
        f"{PIECES}[units after the readout-numpy]",
    ),
    Mutant(
        "what a later piece asks of the last membrane goes to the first",
        "refsbnn/layers/neurons.py",
        "part[-1] += sent",
        "part[0] += sent",
        f"{PIECES}[recurrent neurons-numpy]",
    ),
    Mutant(
        "the decay's gradient of each neuron without the variance's part",
        "refsbnn/reference/lif.py",
        "d_beta += (2.0 * beta * kept",
        "d_beta += 0.0 * (2.0 * beta * kept",
        "tests/refsbnn/reference/test_lif.py::test_decays_and_thresholds_of_each_neuron_have_their_gradients",
    ),
    Mutant(
        "the penalty's gradient of a threshold without what the soft reset subtracts",
        "refsbnn/sensitivity.py",
        "dtheta -= of_each(dmean)",
        "dtheta -= 0.0 * of_each(dmean)",
        f"{GRADIENTS}[numbers of each, soft-sensitivity]",
    ),
    # Evaluation
    Mutant(
        "Brier's score as a mean over classes",
        "refsbnn/evaluation/scores.py",
        ".sum(axis=1).mean()),",
        ".mean()),",
        f"{EVALUATION}/test_scores.py::test_scores_by_hand",
    ),
    Mutant(
        "a confidence on an edge in the bin above",
        "refsbnn/evaluation/scores.py",
        'side="left")',
        'side="right")',
        f"{EVALUATION}/test_scores.py::test_a_confidence_on_an_edge_belongs_to_the_bin_below",
    ),
    Mutant(
        "every sampled network the same",
        "refsbnn/evaluation/predict.py",
        "Purpose.PREDICT, sample, ",
        "Purpose.PREDICT, 0, ",
        f"{EVALUATION}/test_predict.py::test_the_average_of_softmaxes",
    ),
    Mutant(
        "the last step's spikes counted into the recurrent weights",
        "refsbnn/layers/neurons.py",
        "acting(spikes[:-1], ",
        "acting(spikes, ",
        f"{EVALUATION}/test_operations.py::test_against_loops[spiking]",
    ),
)
