"""Models of our own, each in one file; they know tensors only."""
