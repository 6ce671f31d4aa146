"""Container images of releases: what they are made on, what is in them, how they get into a registry (B2)."""
