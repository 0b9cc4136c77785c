"""Tests of the oracle: hand-worked cases, plain loops, complex steps, quadrature and certificates."""
