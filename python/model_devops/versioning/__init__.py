"""Which version a build gets, why, and how it is claimed by a git tag (V, B4–B8)."""
