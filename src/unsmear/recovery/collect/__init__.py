"""Predictions and measures of every image, kept in a journal."""
