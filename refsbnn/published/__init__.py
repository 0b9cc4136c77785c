"""Trained networks that ship: for each name its parameters, `NAME.h5`, and its model card, `NAME.md`."""
