"""Clients in other languages: they read the exported vectors and write results; see docs/conformance.md."""
