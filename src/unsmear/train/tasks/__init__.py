"""Training tasks: restoration and classification."""
