"""The mathematics in plain NumPy, float64: forward and hand-derived backward side by side."""
