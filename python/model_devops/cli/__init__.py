"""The command line: one thin verb per file, and the seam to CI systems."""
