"""Recipes: the weights that we ship, and the experiments of the paper and of real cells."""
