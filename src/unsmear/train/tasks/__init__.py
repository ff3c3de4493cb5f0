"""What is trained: restoration or classification."""
