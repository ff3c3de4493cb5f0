"""Configuration of a training run: its options, checked when they are read."""
