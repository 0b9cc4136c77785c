"""Figures of a run as PNG files; they need matplotlib, the extra `plots`."""
