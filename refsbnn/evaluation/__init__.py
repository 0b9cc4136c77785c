"""How good a trained network's predictions are, and what they cost."""
