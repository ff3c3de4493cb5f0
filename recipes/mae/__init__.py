"""Comparison of masked autoencoders as pretraining for a classifier of cells."""
