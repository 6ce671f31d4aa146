"""Measuring a release against gates and against what runs (T)."""
