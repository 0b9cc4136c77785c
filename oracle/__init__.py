"""Exact answers for small binary and spiking networks, by enumeration. Imports nothing of refsbnn."""
