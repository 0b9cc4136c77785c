"""Every shipped configuration whose data are not in the package connects to inputs of their shape and makes a step."""

from typing import Any

import numpy as np
import pytest

from refsbnn.training.config import load, shipped
from validation.benchmarks.step_time import main, stand_in, timed

# A few examples a step, that each test may make one; ResNet-18's 28 million weights are cut to a tenth of its width.
SMALL = ["training.batch=2"]
NARROW = {"cifar10_resnet18": ["model.width=6"], "dvs_gesture_conv": ["model.channels=[4, 4, 4, 4]"]}
NAMES = [name for name in shipped() if not name.startswith("digits")]


@pytest.mark.parametrize("name", NAMES)
def test_a_step_of_every_configuration(name: str) -> None:
    stand_in(load(name))  # at its full size
    task = stand_in(load(name, [*SMALL, *NARROW.get(name, [])]))
    assert len(timed(task, 1)) == 1
    assert task.network.dtype == np.float32


def test_the_command_says_what_a_run_takes(capsys: Any) -> None:
    assert main(["shd_small", *SMALL, "--steps", "1"]) == 0
    assert "core-hours" in capsys.readouterr().out
