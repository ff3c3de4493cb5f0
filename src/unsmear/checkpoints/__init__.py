"""Weights of networks: checkpoints, published weights, and converters of their file formats."""

import os

# ONNX Runtime 1.29 and later would give this machine a number, and report its networks and errors
# to its makers. It reads this when it is imported, which nothing outside of this package does.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
