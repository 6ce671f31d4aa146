"""From a checkout to a release (B)."""
