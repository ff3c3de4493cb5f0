"""Training data: samples drawn, loaded and augmented reproducibly from (seed, index)."""
