"""The virtual environments of releases, and running the team's commands in them."""
