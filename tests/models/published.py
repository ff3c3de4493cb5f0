"""Networks of others as small as a stored vector asks for, with weights drawn by their names."""

from zlib import crc32

import numpy as np
import torch

from unsmear import models

OPTIONS = {
    "nafnet": {"width": 4, "encoder": (1, 2), "middle": 1, "decoder": (1, 1)},
    "multi-scale": {"features": 5, "blocks": 2, "scales": 3},
}
SHAPE = 2, 3, 16, 24


def build(name):
    """Return a network whose every weight depends on its own name alone."""
    network = models.build(name, **OPTIONS[name]).eval()
    with torch.no_grad():
        for parameter, weight in network.named_parameters():
            drawn = np.random.RandomState(crc32(parameter.encode())).standard_normal(weight.shape)
            scale = 0.3 if weight.ndim < 4 or len(weight) == 1 else weight[0].numel() ** -0.5
            weight.copy_(torch.from_numpy(scale * drawn))
    return network


def image():
    """Return two blurred images."""
    drawn = np.random.RandomState(7).random_sample(SHAPE).astype(np.float32)
    return torch.from_numpy(drawn)
