"""Samples for training: drawn, loaded and augmented by (seed, index)."""
