"""State-of-the-art performance without normalisation layers: what is recorded here cannot say.

Source: the paper's abstract. Networks of the paper's depth have not been trained (docs/training.md, "Paper scale"),
the data are substitutes, and DVS Gesture was not at hand. The rows set the best recorded test accuracies beside
published ones of spiking networks without normalisation, as their authors report them: other networks, other budgets,
the official data (and for SE-adLIF a default configuration that validates on the test file). For DVS Gesture, where
EI-SNN reports 95.8 %, nothing is recorded. The rows show how far the recorded runs are from deciding the sentence.
"""

from validation.claims.matches import scores
from validation.evidence import recorded
from validation.evidence.claim import Claim
from validation.evidence.record import Level, Rows, at_most

CLAIM = Claim(
    title="State of the art without normalisation",
    sentence="achieves state-of-the-art performance without normalisation layers",
    owner="paper",
    source="abstract, sentence 1",
    statement="An SBNN without normalisation layers reaches the best published accuracy of spiking or binary networks.",
    assumptions=("networks and budgets of the paper's size, which have not been trained here",),
    finding="not decidable here",
    reason="small networks on substitute data; networks of the paper's depth have not been trained",
    claimed="the best accuracy",
    headline="CIFAR-10 copy: test accuracy of agr, percent, beside EI-SNN (ICLR 2026), ResNet-18",
    equations=(),
    code=("refsbnn/configurations", "validation/benchmarks/results"),
)
# Data set, its record, work, network and accuracy in percent as published.
PUBLISHED = (
    ("CIFAR-10 copy", "cifar10_small", "EI-SNN (ICLR 2026), ResNet-18", 92.1),
    ("CIFAR-10 copy", "cifar10_small", "EI-SNN (ICLR 2026), VGG-8", 87.0),
    ("SHD, regenerated", "paper/shd_long", "SE-adLIF (Nat. Commun. 2025)", 95.8),
)


def check(level: Level) -> Rows:
    """Recorded accuracies beside published ones."""
    if not recorded.AT_HAND:
        return
    for name, data, work, accuracy in PUBLISHED:
        found = 100.0 * float(scores(data, "agr", "accuracy").mean())
        why = "no comparison: another network, budget and data; the recorded run is far from deciding the sentence"
        yield at_most(CLAIM.title, f"{name}: test accuracy of agr, percent, beside {work}", found, accuracy, why)
