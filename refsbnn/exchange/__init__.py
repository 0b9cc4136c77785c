"""Networks for other libraries and from them: the Neuromorphic Intermediate Representation, PyTorch, safetensors."""
