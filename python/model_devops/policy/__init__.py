"""What an environment demands of a release, and where that is read from (P, A)."""
