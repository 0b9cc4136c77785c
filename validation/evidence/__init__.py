"""What the claims share: networks to try, one noisy unit, bounds, and the rows and figures they are recorded in."""
