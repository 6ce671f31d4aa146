"""The team's commands in a cluster: one Job with as many pods as there are shards."""
