"""Make published.npz with the authors' own code of NAFNet and of the multi-scale network.

    python tests/models/make_published_vectors.py NAFNET DEEPDEBLUR

NAFNET, DEEPDEBLUR: clones of github.com/megvii-research/NAFNet at 2b4af71 and of
github.com/SeungjunNah/DeepDeblur-PyTorch at 26047f7. The file was made with PyTorch on a CPU. It
holds the outputs for the weights and images of `published.py`; the parameters of both networks at
their published size are printed.
"""

import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import torch
from torch.nn.functional import avg_pool2d

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.models import published

NAFNET = {
    **{"first": "intro", "last": "ending", "middle": "middle_blks"},
    **{r"space\.0": "norm1", r"space\.1": "conv1", r"space\.2": "conv2", r"space\.5": "conv3"},
    **{r"space\.4\.linear": "sca.1", r"mixing\.0": "norm2", r"mixing\.1": "conv4"},
    r"mixing\.3": "conv5",
}


def package(name, folder):
    """Register a folder as a package, without running its own __init__."""
    module = ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module
    return module


def count(network):
    return sum(weight.numel() for weight in network.parameters())


def fill(network, values):
    state = network.state_dict()
    assert state.keys() == values.keys(), state.keys() ^ values.keys()
    network.load_state_dict({name: values[name].reshape(state[name].shape) for name in state})
    return network.eval()


def nafnet(clone):
    for name in ("basicsr", "basicsr.models", "basicsr.models.archs"):
        package(name, Path(clone, *name.split(".")))
    package("basicsr.utils", clone).get_root_logger = None
    authors = import_module("basicsr.models.archs.NAFNet_arch").NAFNet

    def build(options):
        names = ("width", "middle_blk_num", "enc_blk_nums", "dec_blk_nums")
        keys = ("width", "middle", "encoder", "decoder")
        return authors(**dict(zip(names, (options[key] for key in keys), strict=True)))

    def named(name):
        for ours, theirs in NAFNET.items():
            name = re.sub(rf"(^|\.){ours}(?=\.)", rf"\1{theirs}", name)
        return name

    sizes = {"width": 32, "middle": 1, "encoder": (1, 1, 1, 28), "decoder": (1, 1, 1, 1)}
    print("nafnet, width 32:", count(build(sizes)))
    ours = published.build("nafnet").state_dict()
    values = {named(name): weight for name, weight in ours.items()}
    return {"nafnet": fill(build(published.OPTIONS["nafnet"]), values)(published.image())}


def multi_scale(clone):
    package("model", Path(clone, "src", "model"))
    authors = import_module("model.MSResNet").MSResNet

    def build(features, blocks, scales):
        return authors(
            SimpleNamespace(
                rgb_range=1.0, n_resblocks=blocks, n_feats=features, kernel_size=5, n_scales=scales
            )
        )

    def named(name):
        kind, scale, *rest = name.split(".")
        place = str(scales - 1 - int(scale))
        if kind == "ups":
            return ".".join(["conv_end_models", str(scales - 1 - int(scale)), "uppath", *rest])
        return ".".join(["body_models", place, "body", *rest]).replace("layers", "body")

    print("multi-scale, 64 features, 19 blocks:", count(build(64, 19, 3)))
    sizes = published.OPTIONS["multi-scale"]
    scales = sizes["scales"]
    ours = published.build("multi-scale").state_dict()
    values = {named(name): weight for name, weight in ours.items()}
    pyramid = [published.image()]
    for _ in range(scales - 1):
        pyramid.append(avg_pool2d(pyramid[-1], 2))
    outputs = fill(build(sizes["features"], sizes["blocks"], scales), values)(pyramid)
    return {f"multi-scale {at}": output for at, output in enumerate(reversed(outputs))}


with torch.no_grad():
    arrays = nafnet(sys.argv[1]) | multi_scale(sys.argv[2])
np.savez(
    Path(__file__).with_name("published.npz"),
    **{name: array.numpy() for name, array in arrays.items()},
)
