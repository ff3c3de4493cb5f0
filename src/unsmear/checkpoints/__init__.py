"""Weights: ours, those that others published, and how their files are read."""
