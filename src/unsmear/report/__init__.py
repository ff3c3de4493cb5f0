"""Reports and figures; the only package that uses matplotlib, imported inside functions."""
