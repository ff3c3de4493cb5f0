"""The weights that we ship: `make weights` makes them from nothing."""
