"""Training of the shipped weights from scratch: `make weights`."""
