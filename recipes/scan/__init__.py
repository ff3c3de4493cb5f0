"""The frames of a scan stitched into a strip."""
