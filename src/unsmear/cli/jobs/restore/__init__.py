"""Job of `unsmear restore`."""
