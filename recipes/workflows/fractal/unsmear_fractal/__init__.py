"""Unsmear as a task of Fractal."""
