"""Image sources: folders, zip files, the Human Protein Atlas, prepared pairs."""
