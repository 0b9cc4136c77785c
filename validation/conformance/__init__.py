"""Hold an implementation of the layers to exact answers, with given noise or its own; see docs/conformance.md."""
