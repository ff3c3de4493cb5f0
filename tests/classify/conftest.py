"""What the tests of classifiers share."""

import pytest


@pytest.fixture
def save_classifier(save_network):
    """Return a function that saves a light classifier of random weights and returns its path."""

    def saved(labels=("Nucleoplasm", "Nucleoli", "Cytosol"), channels=("red", "green"), **changes):
        card = {
            "task": "classify",
            "labels": list(labels),
            "thresholds": [0.5] * len(labels),
            "channels": list(channels),
            "size": 48,
            "scaling": {"values": [-1.0, 1.0], "range": "dtype"},
        }
        options = {"labels": len(labels), "channels": len(channels), "features": 4, "stages": 2}
        file = changes.pop("file", "best")
        return save_network("light", file, card | changes, **options)

    return saved
