"""Rolling out, proving, rolling back (D)."""
