"""A Kubernetes cluster over its API: plain dicts in and out, its refusals as our errors."""
