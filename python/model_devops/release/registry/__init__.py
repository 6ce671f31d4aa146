"""Stores in container registries (S1, S4)."""
