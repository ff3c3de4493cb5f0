"""Training of networks: configuration, data, the training loop and hyperparameter search."""
