"""The target `kubernetes`: a release's image as a Deployment, with all that it needs around it."""
