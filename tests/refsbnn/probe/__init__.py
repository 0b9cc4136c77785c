"""Tests of refsbnn.probe."""
