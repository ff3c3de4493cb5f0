"""Training tasks: restoration, classification and pretraining."""
