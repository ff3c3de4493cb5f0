"""Make mae_24x24.npz with the published code of both papers, in an environment with timm.

    python make_mae_vectors.py MAE DEBLURRING

MAE: a clone of facebookresearch/mae. DEBLURRING: one of MembrAI/DeblurringMIM, its util beside its
model. The file was made with timm 0.3.2, which looks for the former torch._six, and torch 2.13.0 on
a CPU. It holds the predictions and losses of tiny autoencoders, and
the logits of the classifier that has their encoder. Weights, images and masks are drawn as
`test_mae.py` draws them, by the published names of the weights.
"""

import importlib
import sys
from pathlib import Path
from zlib import crc32

import numpy as np
import torch

SIZES = {"img_size": 24, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3}
DECODER = {"decoder_embed_dim": 16, "decoder_depth": 2, "decoder_num_heads": 2}
SEED = 2424


def draw(name, shape):
    z = np.random.RandomState(crc32(name.encode())).standard_normal(shape)
    if name.endswith("bias") or len(shape) == 1:
        return (0.1 * z + (name.endswith("weight"))).astype(np.float32)
    return (z * np.prod(shape[1:]) ** -0.5).astype(np.float32)


def fill(model):
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "pos_embed" not in name:
                weight.copy_(torch.from_numpy(draw(name, tuple(weight.shape))))
    return model.eval()


def drawn():
    random = np.random.RandomState(SEED)
    blurred, sharp = random.uniform(-1, 1, (2, 2, 3, 24, 24)).astype(np.float32)
    return torch.from_numpy(blurred), torch.from_numpy(sharp), torch.from_numpy(random.rand(2, 9))


def published(folder, name):
    """Import a module from a clone, without those that another clone left behind."""
    for known in [known for known in sys.modules if known.split(".")[0] in ("util", name)]:
        del sys.modules[known]
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))


def main(mae, deblurring):
    vars(np)["float"] = float  # the published code is older than its end
    from functools import partial

    blurred, sharp, noise = drawn()
    torch.rand = lambda *_, **__: noise  # of the masks
    norm = partial(torch.nn.LayerNorm, eps=1e-6)
    module = published(mae, "models_mae")
    plain = fill(module.MaskedAutoencoderViT(**SIZES, **DECODER, norm_layer=norm))
    base = module.mae_vit_base_patch16()
    module = published(deblurring / "model", "models_dmae")
    both = fill(module.DMaskedAutoencoderViT(**SIZES, **DECODER, norm_layer=norm))
    module = published(mae, "models_vit")
    vit = module.VisionTransformer(
        **SIZES, num_classes=5, qkv_bias=True, norm_layer=norm, global_pool=False
    )
    vit.pos_embed.data.copy_(plain.pos_embed)
    results = {}
    with torch.no_grad():
        results["masked_loss"], results["patches"], results["hidden"] = plain(sharp, 0.5)
        plain.norm_pix_loss = True
        results["normalised_loss"] = plain(sharp, 0.5)[0]
        results["deblurring_loss"], results["deblurred"], _ = both(blurred, sharp, 0.5)
        results["logits"] = fill(vit)(sharp)
    results["parameters"] = torch.tensor(sum(weight.numel() for weight in base.parameters()))
    results["positions"] = plain.pos_embed.detach()
    arrays = {name: value.numpy() for name, value in results.items()}
    np.savez(Path(__file__).with_name("mae_24x24.npz"), **arrays)
    print({name: array.shape or array for name, array in arrays.items()})


main(*map(Path, sys.argv[1:]))
