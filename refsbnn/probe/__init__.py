"""The bias of a gradient estimator in a trained network of any width, against unbiased derivatives (theory 5.10)."""
