"""The record of an epoch: parts of the loss, accuracies, firing rates, spreads of r, gradient signal-to-noise."""

from refsbnn.training.evaluate import evaluate
from refsbnn.training.state import Row, State
from refsbnn.training.task import Task


def record(task: Task, state: State, weight: float) -> Row:
    """The row of the epoch whose steps the state's tally has counted; one sampled network scores the validation part.

    A number is the mean over the epoch's steps, but for penalty, rates and spreads, whose mean is over every
    `training.monitor`-th, `kl_weight`, that of the last, and the validation scores, of the parameters after it.
    """
    scores = evaluate(task, state.parameters, task.data.validation, samples=1)
    means, ratios = state.tally.means(), state.tally.ratios()
    row = {
        "epoch": len(state.history) + 1,
        "loglik": means["loglik"],
        "kl_per_example": means["kl"] / len(task.data.train.labels),
        "kl_weight": weight,
        "penalty": means["penalty"],
        "train_accuracy": means["correct"],
        "validation_accuracy": scores.accuracy,
        "validation_nll": scores.nll,
    }
    row |= {name: mean for name, mean in means.items() if name.startswith(("rate.", "spread."))}
    row |= {f"snr.{key}": ratios[key] for key in state.parameters if key in ratios}
    return row
