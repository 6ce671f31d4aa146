"""The local target: the serve command as a supervised process on this machine."""
