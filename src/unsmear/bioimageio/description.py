"""Description of a network as bioimage.io has it, with the page and the cover of its package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bioimageio.spec.model import v0_5 as spec

import unsmear
from unsmear import images
from unsmear.bioimageio import example, origin, tensors
from unsmear.bioimageio.example import Array
from unsmear.checkpoints.onnx_export import OPSET
from unsmear.checkpoints.onnx_interface import Interface
from unsmear.images import Image
from unsmear.restoration.learned.blocks import reach

TAGS = ["2d", "fluorescence-light-microscopy", "cells", "image-restoration", "deblurring", "onnx"]
RELATIVE, LARGEST = 1e-3, 1e-3
"""Largest differences that another version of a runtime may make: of a value, and of a tensor's
largest value."""
UNSAFE = re.compile(r"[^A-Za-z0-9_+\- ()]+")
"""What a name on bioimage.io must not hold."""
ABOUT = {
    True: "takes motion blur out of a plane, given the results of Wiener filters with its kernel",
    False: "takes blur out of images without a kernel",
}
STEPS = {
    True: """The network is one step of several. Before it, a channel is filtered by Wiener filters
with the kernel of the motion, and its noise is measured (the input `filtered`). After it,
each tile is blurred again and compared with the recorded image, and the total intensity is kept.
`unsmear restore --method PACKAGE.zip` does all of this, from the image alone. All values may be
multiplied by one number above 0, which multiplies the results.""",
    False: """The input is an image of counts, divided by a power of two so that its brightest pixel
is 0.5 to 1. `unsmear restore --method PACKAGE.zip` does this, gives the channels of an image to
those of the network, keeps the total intensity, and writes the result with the metadata of its
input.""",
}
"""What else is to be done, for a deep-wiener and for others."""
PAGE = """# {name}

A network of Unsmear that {about}.

{steps}

- Sides of the input: {sides}.
- Halo: {halo}.
- Licence of the weights: {licence}.
- Trained on: {data}.
- Limits: {limits}
- SHA-256 of the weights: `{sha256}`.

## Validation

The package's test tensors are a smeared field of drawn cells and what the network makes of it.
Check a result against a sharp image of the same place, or by `unsmear recovery`: see Unsmear's page
"When to trust a result". At the border of an image, other programs mirror as much as the halo, and
Unsmear does not: there results differ.

Exported by Unsmear {version}; opset {opset}.
"""


def of(
    interface: Interface, network: Path, card: Mapping[str, Any], made: example.Example
) -> spec.ModelDescr:
    """Return the description of a network that restores.

    network: its ONNX file, beside which the other files of the package are written.
    """
    folder, name = network.parent, UNSAFE.sub("-", f"Unsmear {card.get('name', interface.named)}")
    cover, page = folder / "cover.png", folder / "README.md"
    images.write(cover, Image(made.cover, "YX"))
    page.write_text(_page(interface, card, name), encoding="utf-8")
    checksum = tensors.checksum(network)
    weights = spec.OnnxWeightsDescr(source=network, sha256=checksum, opset_version=OPSET)
    return spec.ModelDescr(
        name=name,
        description=f"A network that {ABOUT[_is_wiener(interface)]}.",
        license=origin.licence(card),
        authors=origin.authors(card),
        cite=origin.citations(str(card["network"])),
        tags=TAGS,
        documentation=tensors.described_file(page),
        covers=[tensors.described_file(cover)],
        inputs=tensors.inputs(interface, made, folder),
        outputs=tensors.outputs(interface, made, folder),
        weights=spec.WeightsDescr(onnx=weights),
        config=_config(interface, made),
    )


def _is_wiener(interface: Interface) -> bool:
    return "versions" in interface.facts


def _config(interface: Interface, made: example.Example) -> spec.Config:
    """Return what may differ, and what must be known of the network beside that, as on its card."""
    tolerances = [
        spec.ReproducibilityTolerance(
            output_ids=[spec.TensorId(name)],
            relative_tolerance=RELATIVE,
            absolute_tolerance=_tolerance(array),
        )
        for name, array in made.outputs.items()
    ]
    own = spec.BioimageioConfig(reproducibility_tolerance=tolerances)
    return spec.Config(bioimageio=own, unsmear=dict(interface.facts))


def _tolerance(array: Array) -> float:
    return float(LARGEST * array.max())


def _page(interface: Interface, card: Mapping[str, Any], name: str) -> str:
    stride, halo = interface.facts["stride"], interface.facts["halo"]
    whole = "none; the network sees the whole image"
    return PAGE.format(
        name=name,
        about=ABOUT[_is_wiener(interface)],
        steps=STEPS[_is_wiener(interface)],
        sides=f"multiples of {stride} pixels, from {tensors.smallest(interface)}",
        halo=whole if halo is None else f"{reach(halo, stride)} pixels",
        licence=card.get("licence") or "not stated",
        data=_data(card.get("data")),
        limits=card.get("limits") or "not stated.",
        sha256=card["sha256"],
        version=unsmear.__version__,
        opset=OPSET,
    )


def _data(data: Any) -> str:
    """Return what a card says of the training images, in one line."""
    if isinstance(data, list):
        return "; ".join(f"{each['data']} ({each['licence']})" for each in data)
    if isinstance(data, dict):
        return f"{data.get('images', 'an unknown number of')} images of a user's own"
    return str(data or "not stated")
