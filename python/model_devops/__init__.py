"""Deliver AI models so that a release is a proof: what runs is what was tested."""

__version__ = "0.1.0"
