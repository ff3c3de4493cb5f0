"""Restoration: methods, tiles, flux conservation and the consistency check."""
