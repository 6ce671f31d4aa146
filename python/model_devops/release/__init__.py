"""Releases: record, evidence and the stores that hold them (B2, S)."""
