"""The tables of a recovery, and its CSV files."""
