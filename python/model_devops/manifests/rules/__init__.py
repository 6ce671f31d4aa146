"""What no definition can say of Kubernetes objects: how their parts fit together."""
