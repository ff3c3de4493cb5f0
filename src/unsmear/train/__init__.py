"""Training: one readable loop of steps, and what watches it."""
