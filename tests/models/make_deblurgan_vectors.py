"""Make deblurgan.npz with the authors' own networks, from their repositories.

    git clone https://github.com/KupynOrest/DeblurGAN one && git -C one checkout 7363c59
    git clone https://github.com/VITA-Group/DeblurGANv2 two && git -C two checkout c16bd9f
    python make_deblurgan_vectors.py one/models/networks.py two/models

The file was made with torch 2.13.0 on a CPU. It holds outputs of narrow networks, every second or
fourth pixel: DeblurGAN's generator with and without dropout and its critic, and DeblurGAN-v2 on
MobileNetV2; and the names and shapes of their state_dicts. The networks are in training mode, as
the authors restore, but drop nothing. Weights and images are drawn as `test_deblurgan.py` draws
them. The asserted numbers of parameters are those of the authors' code.
"""

import sys
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import nn

SEED = 1711


def drawn(name, shape):
    """Return an array by its name in a state_dict; kernels keep the variance."""
    z = np.random.RandomState(crc32(name.encode())).standard_normal(shape).astype(np.float32)
    if len(shape) == 4:
        return z / np.sqrt(np.prod(shape[1:]), dtype=np.float32)
    return 0.1 * z + np.float32(name.endswith("weight"))


def image(height, width):
    pixels = np.random.RandomState(SEED).uniform(-1, 1, (1, 3, height, width))
    return torch.from_numpy(pixels.astype(np.float32))


def load(name, path):
    spec = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def described(network):
    """Return the names and shapes of a network's state_dict, a line each."""
    arrays = network.state_dict().items()
    return "\n".join(" ".join([name, *map(str, array.shape)]) for name, array in arrays)


def output(network, pixels):
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight.copy_(torch.from_numpy(drawn(name, tuple(weight.shape))))
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        return network.train()(pixels).numpy()


def main(one, two):
    norm = partial(nn.InstanceNorm2d, affine=False, track_running_stats=True)
    source = load("networks", one)
    generator = source.ResnetGenerator(3, 3, 64, norm, True, 9, learn_residual=True)
    critic = source.NLayerDiscriminator(3, 64, 3, norm)
    assert count(generator) == 11_378_179
    assert count(critic) == 2_764_737
    sys.path.insert(0, str(Path(two).parent))
    v2 = load("fpn_mobilenet", Path(two) / "fpn_mobilenet.py").FPNMobileNet
    mobile = v2(norm, pretrained=False)
    unused = sum(count(layer) for layer in mobile.fpn.features[16:19])
    assert (count(mobile), unused) == (3_312_707, 1_206_080)
    networks = {
        "generator": source.ResnetGenerator(3, 3, 8, norm, True, 3, learn_residual=True),
        "plain": source.ResnetGenerator(3, 3, 8, norm, False, 3, learn_residual=True),
        "critic": source.NLayerDiscriminator(3, 8, 3, norm),
        "mobile": v2(norm, num_filters=16, num_filters_fpn=32, pretrained=False),
    }
    arrays = {f"{name}_arrays": described(network) for name, network in networks.items()}
    for name, network in networks.items():
        size, step = ((64, 96), 4) if name == "mobile" else ((32, 44), 2)
        outputs = output(network, image(*size))
        arrays[name] = outputs if name == "critic" else outputs[..., ::step, ::step]
    np.savez_compressed(Path(__file__).with_name("deblurgan.npz"), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
