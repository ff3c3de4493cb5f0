"""Recipes of the shipped weights; `make weights` trains them from scratch."""
