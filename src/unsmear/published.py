"""Weights that others published: where they are, how to know them, how to get them."""
