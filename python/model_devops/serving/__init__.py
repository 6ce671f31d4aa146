"""What servers may copy. Nothing of this program imports it."""
