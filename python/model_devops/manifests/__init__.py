"""Kubernetes objects of a release: rendered, and checked before anything is sent."""
