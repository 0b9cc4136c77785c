"""Hypothesis without its clocks: no test of this house fails because the machine is busy."""

from hypothesis import HealthCheck, settings

# What is in force otherwise stays: with CI set, hypothesis replays the same examples in every run.
settings.register_profile("house", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
