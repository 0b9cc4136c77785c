"""JSON schemas of the vectors and of results."""
