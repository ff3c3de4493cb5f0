"""What `benchmarks/restorers.py` and `speed.py` share: images, other people's restorers, tables."""
