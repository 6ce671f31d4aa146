"""What artifacts are made of: files, digests (C1), comparison."""
