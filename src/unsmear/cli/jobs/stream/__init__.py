"""Job of `unsmear stream`."""
