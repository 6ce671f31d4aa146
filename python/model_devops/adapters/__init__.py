"""The outside behind narrow functions: git, CI, files, clock, processes."""
