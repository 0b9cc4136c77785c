"""What a training run shows while it runs: a bar that moves with the steps, or a line an epoch where none can move."""

import sys
from typing import TextIO

from tqdm import tqdm

from refsbnn.training.state import Row, State

SECONDS = 0.5  # between two updates of the bar and the numbers below it


class Progress:
    """Steps done and left, parts of the loss, accuracy, firing rate.

    Parameters
    ----------
    steps : int
        Of the whole run.
    examples : int
        For training; the KL divergence is shown divided by it.
    done : int
        Steps of earlier sessions.
    kind : str
        Of the bias penalty, `objective.penalty_kind`: "sensitivity" is shown as P, "norm" as B (theory 4.15, 4.5).
    stream : file, optional
        A terminal gets the bar and, below it, a line of numbers that fits 80 columns; any other file a line for each
        epoch. Standard error if not given.
    """

    def __init__(
        self, steps: int, examples: int, done: int = 0, kind: str = "sensitivity", stream: TextIO | None = None
    ) -> None:
        stream = sys.stderr if stream is None else stream  # what it is now: it may have been redirected
        self.examples, self.stream, self.validation = examples, stream, ""
        self.letter = "P" if kind == "sensitivity" else "B"
        common = {"disable": not stream.isatty(), "file": stream, "dynamic_ncols": True, "mininterval": SECONDS}
        self.bar = tqdm(total=steps, initial=done, unit="step", **common)
        self.below = tqdm(total=0, bar_format="{desc}", position=1, leave=True, **common)

    def step(self, state: State) -> None:
        """Move the bar to the state's step; its numbers are means over the epoch so far."""
        if self.bar.disable:
            return
        if self.bar.update(state.step - self.bar.n):
            means = state.tally.means()
            self.below.set_description_str(self.numbers(means | {"kl": means["kl"] / self.examples}))

    def epoch(self, row: Row) -> None:
        """Show an epoch's validation accuracy; without a bar, the whole line."""
        self.validation = f", validation {row['validation_accuracy']:.1%}"
        if self.bar.disable:
            numbers = self.numbers(row | {"kl": row["kl_per_example"], "correct": row["train_accuracy"]})
            print(f"epoch {row['epoch']:.0f}: {numbers}, {row['seconds']:.0f} s", file=self.stream, flush=True)

    def numbers(self, means: Row) -> str:
        """The loss's parts in nats an example, accuracies, mean firing rate over the layers of units."""
        rates = [value for name, value in means.items() if name.startswith("rate.")]
        return (
            f"loglik {means['loglik']:.3f}, KL/N {means['kl']:.3g}, {self.letter} {means['penalty']:.3g}, "
            f"accuracy {means['correct']:.1%}{self.validation}, rate {sum(rates) / max(len(rates), 1):.3f}"
        )

    def close(self) -> None:
        """Leave the bar and its numbers as they are."""
        self.bar.close()
        self.below.close()
