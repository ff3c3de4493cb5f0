"""Make maxim_64x128.npz with the authors' own model, in an environment with jax, flax and einops.

    python make_maxim_vectors.py MAXIM.PY

MAXIM.PY: maxim/models/maxim.py of github.com/google-research/maxim at 3c8265171ffc. The file was
made with jax 0.10.2 and flax 0.12.8 on a CPU. It holds every output of two stages of 8 features
for two different images of 64x128: the smaller scales whole, of the largest the pixels of `KEPT`.
Parameters and images are drawn as `test_maxim.py` draws them, by the names of the parameters.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from zlib import crc32

import jax
import numpy as np

OPTIONS = {"features": 8, "num_stages": 2, "num_groups": 2, "num_bottleneck_blocks": 2}
ALWAYS = {"dropout_rate": 0.0, "num_outputs": 3, "use_bias": True, "num_supervision_scales": 3}
KEPT = np.s_[:, 1::3, 2::5]
SEED = 6402


def draw(path, leaf):
    names = [part.key for part in path]
    z = np.random.RandomState(crc32("/".join(names).encode())).standard_normal(leaf.shape)
    drawn = {
        "kernel": z * 0.7 / np.sqrt(np.prod(leaf.shape[:-1])),
        "scale": 1 + 0.1 * z,
        "bias": 0.1 * z,
    }
    return drawn[names[-1]].astype(np.float32)


def main(path):
    spec = spec_from_file_location("authors_maxim", path)
    original = module_from_spec(spec)
    spec.loader.exec_module(original)
    model = original.Model(**OPTIONS, **ALWAYS)
    images = np.random.RandomState(SEED).random_sample((2, 64, 128, 3)).astype(np.float32)
    shapes = jax.eval_shape(lambda: model.init(jax.random.PRNGKey(0), images))["params"]
    parameters = jax.tree_util.tree_map_with_path(draw, shapes)
    with jax.default_matmul_precision("highest"):
        outputs = model.apply({"params": parameters}, images, train=False)
    arrays = {
        f"stage{stage}_scale{scale}": np.asarray(image)[KEPT if scale == 2 else ...]
        for stage, scales in enumerate(outputs)
        for scale, image in enumerate(scales)
    }
    np.savez(Path(__file__).with_name("maxim_64x128.npz"), **arrays)


main(sys.argv[1])
