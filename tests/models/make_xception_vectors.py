"""Make xception_75x86.npz with Keras's own Xception, in an environment with keras and torch.

    KERAS_BACKEND=torch python make_xception_vectors.py

The file was made with keras 3.15.1 and torch 2.13.0 on a CPU. It holds the logits of two different
images of 75x86 pixels: sides that meet odd and even ones on their way down. Weights and images are
drawn as `test_xception.py` draws them, by Keras's names of the weights.
"""

from pathlib import Path
from zlib import crc32

import keras
import numpy as np

SEED = 7586
SPREADS = {"gamma": (1, 0.1), "beta": (0, 0.1), "moving_mean": (0, 0.1), "bias": (0, 0.1)}


def draw(path, shape):
    z = np.random.RandomState(crc32(path.encode())).standard_normal(shape)
    part = path.split("/")[-1]
    if part == "moving_variance":
        return np.exp(0.3 * z).astype(np.float32)
    fan_in = 9 if part == "depthwise_kernel" else np.prod(shape[:-1])
    mean, spread = SPREADS.get(part, (0, fan_in**-0.5))
    return (mean + spread * z).astype(np.float32)


def main():
    model = keras.applications.Xception(
        weights=None, classes=19, input_shape=(75, 86, 3), classifier_activation=None
    )
    for weight in model.weights:
        weight.assign(draw(weight.path, weight.shape))
    assert model.count_params() == 20_900_411
    images = np.random.RandomState(SEED).uniform(-1, 1, (2, 75, 86, 3)).astype(np.float32)
    logits = model.predict(images, verbose=0)
    np.savez(Path(__file__).with_name("xception_75x86.npz"), logits=logits)


main()
