"""The report: each mode's scores are those of its own predictions, and its cost is that of all its passes."""

import numpy as np
import pytest

from refsbnn.evaluation.predict import predict
from refsbnn.evaluation.report import passes, report
from refsbnn.evaluation.scores import score
from refsbnn.streams import Streams
from tests.refsbnn.evaluation.networks import CLASSES, build

EXAMPLES = 9
LABELS = np.arange(EXAMPLES) % CLASSES


def test_modes_are_their_predictions() -> None:
    network, inputs = build("residual", EXAMPLES)
    parameters = network.initial(Streams(2))
    told: list[int] = []
    got = report(network, parameters, inputs, LABELS, Streams(3), 4, part="test", progress=told.append)
    assert [(mode.name, mode.passes) for mode in got.modes] == [
        ("mean weights", 1),
        ("single sample", 1),
        ("average of 4 samples", 4),
    ]
    for mode, samples in zip(got.modes, (0, 1, 4), strict=True):
        assert mode.scores == score(predict(network, parameters, inputs, EXAMPLES, Streams(3), samples), LABELS)
    assert sum(told) == passes(4, EXAMPLES) == 6 * EXAMPLES


def test_a_prediction_costs_all_its_passes() -> None:
    """Real inputs meet all weights of the first layer, {-1, +1} units all of the second: 6 * 7 + 7 * 3 a pass."""
    network, inputs = build("bipolar", EXAMPLES)
    got = report(network, network.initial(Streams(2)), inputs, LABELS, Streams(3), 5, part="test")
    assert [mode.total for mode in got.modes] == [63.0, 63.0, 5 * 63.0]
    assert [mode["operations"] for mode in got.as_dict()["modes"]] == [63.0, 63.0, 5 * 63.0]
    assert list(got.as_dict()["modes"][0]["layers"]) == ["0.dense", "1.spike", "2.dense"]
    assert got.table().splitlines()[1].split()[-1] == "63"
    assert got.table().splitlines()[3].split()[-1] == "315"


def test_one_sample_is_not_told_twice() -> None:
    network, inputs = build("dense", EXAMPLES)
    got = report(network, network.initial(Streams(2)), inputs, LABELS, Streams(3), 1, part="test")
    assert [mode.name for mode in got.modes] == ["mean weights", "single sample"]


@pytest.mark.parametrize("name", ["dense", "spiking"])
def test_every_layer_is_in_the_table(name: str) -> None:
    network, inputs = build(name, EXAMPLES)
    got = report(network, network.initial(Streams(2)), inputs, LABELS, Streams(3), 2, part="test")
    told = {line.split()[0] for line in got.table().splitlines() if line[:1].isdigit()}
    assert told == {stage.name for stage in network.stages if stage.layer.kind in ("dense", "spike", "lif")}
