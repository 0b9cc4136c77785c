"""Own noise: the implementation draws for itself, and is held to the exact law of its spikes and gradients."""
