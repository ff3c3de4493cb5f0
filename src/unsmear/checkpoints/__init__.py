"""Weights of networks: checkpoints, published weights, and converters of their file formats."""
