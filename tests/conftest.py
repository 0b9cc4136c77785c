"""Hypothesis without its clocks, and one process for a file of kernels: no test fails because the machine is busy."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# What is in force otherwise stays: with CI set, hypothesis replays the same examples in every run.
settings.register_profile("house", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

COMPILED = Path(__file__).parent / "refsbnn"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process of several: two would compile the same kernels at the same time."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        if COMPILED in item.path.parents and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(COMPILED))))
