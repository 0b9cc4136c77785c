"""Claims held to exact numbers, and benchmarks."""
