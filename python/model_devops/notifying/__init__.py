"""Telling people how a build ended: what failed and why, who broke it, what runs now."""
