"""Where a network comes from, in the terms of bioimage.io: its licence, papers and authors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bioimageio.spec.model import v0_5 as spec

from unsmear.checkpoints import checkpoint

DEVELOPERS = "The Unsmear developers"
U_NET = (
    "Ronneberger, Fischer and Brox. U-Net: Convolutional Networks for Biomedical Image "
    "Segmentation. MICCAI 2015.",
    "1505.04597",
)
DEBLURGAN = (
    "Kupyn, Budzan, Mykhailych, Mishkin and Matas. DeblurGAN: Blind Motion Deblurring Using "
    "Conditional Adversarial Networks. CVPR 2018.",
    "1711.07064",
)
PAPERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "DeepWiener": (
        (
            "Dong, Roth and Schiele. Deep Wiener Deconvolution: Wiener Meets Deep Learning for "
            "Image Deblurring. NeurIPS 2020.",
            "2103.09962",
        ),
        U_NET,
        (
            "Mohan, Kadkhodaie, Simoncelli and Fernandez-Granda. Robust and Interpretable Blind "
            "Image Denoising via Bias-Free Convolutional Neural Networks. ICLR 2020.",
            "1906.05478",
        ),
    ),
    "unet": (U_NET,),
    "two-stage": (U_NET,),
    "gan": (DEBLURGAN,),
    "deblurgan": (DEBLURGAN,),
    "deblurgan-v2-mobile": (
        (
            "Kupyn, Martyniuk, Wu and Wang. DeblurGAN-v2: Deblurring (Orders-of-Magnitude) Faster "
            "and Better. ICCV 2019.",
            "1908.03826",
        ),
    ),
    "maxim": (
        ("Tu et al. MAXIM: Multi-Axis MLP for Image Processing. CVPR 2022.", "2201.02973"),
    ),
    "multi-scale": (
        (
            "Nah, Kim and Lee. Deep Multi-Scale Convolutional Neural Network for Dynamic Scene "
            "Deblurring. CVPR 2017.",
            "1612.02177",
        ),
    ),
    "nafnet": (
        ("Chen, Chu, Zhang and Sun. Simple Baselines for Image Restoration. ECCV 2022.",
         "2204.04676"),
    ),
}  # fmt: skip
"""Papers of the networks, with their number at arXiv, by the network's name."""
END = re.compile(r"[,;(]")
"""What ends a licence's name on a card: the rest says why it is that one."""


def citations(network: str) -> list[spec.CiteEntry]:
    """Return the papers of a network; none for a network of a user's own."""
    return [
        spec.CiteEntry(text=text, doi=spec.Doi(f"10.48550/arXiv.{number}"))
        for text, number in PAPERS.get(network, ())
    ]


def authors(card: Mapping[str, Any]) -> list[spec.Author]:
    """Return the authors of weights: those of the shipped ones; others are not known here."""
    shipped = {checkpoint.locate(name).sha256 for name in checkpoint.shipped()}
    return [spec.Author(name=DEVELOPERS)] if card["sha256"] in shipped else []


def licence(card: Mapping[str, Any]) -> spec.LicenseId | None:
    """Return the SPDX identifier of a card's licence; None for a licence that has none there."""
    name = END.split(str(card.get("licence") or ""))[0].strip().replace(" ", "-")
    try:
        return spec.LicenseId(name)
    except ValueError:
        return None
