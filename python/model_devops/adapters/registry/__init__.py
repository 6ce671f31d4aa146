"""A container registry, by the OCI distribution specification 1.1: any that follows it, over urllib3."""
