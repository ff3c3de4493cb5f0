"""Shared by `benchmarks/restorers.py` and `speed.py`: images, other restorers, tables."""
