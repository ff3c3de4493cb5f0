"""Losses, each a number from two batches of images."""
