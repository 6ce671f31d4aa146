"""Checks of the model: what must not pass as weights, and the signature."""
