"""The configuration of a run: its options, checked when they are read."""
