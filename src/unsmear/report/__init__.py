"""Figures; the only place with matplotlib, imported inside functions."""
