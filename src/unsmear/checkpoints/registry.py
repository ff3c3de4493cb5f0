"""Registry of published weights: their addresses, checksums, licences and sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Published:
    """A published file of weights.

    name: its name in Unsmear. about: a description. file: the publisher's file name. url: address
        of the download, or with by_hand of the page where a person gets the file.
    size: bytes; sha256, md5: checksums of the file; None where not published.
    licence: of the weights. source: their authors.
    network: its name in `unsmear.models`; a network's weights are stored as NAME.safetensors with
        a card, other files unchanged. variant: of MAXIM.
    trained_on: the training images. scores: published PSNR in decibels and SSIM, by test images.
    """

    name: str
    about: str
    file: str
    url: str
    size: int | None
    sha256: str | None
    licence: str
    source: str
    network: str = ""
    variant: str = ""
    trained_on: str = ""
    scores: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    md5: str | None = None
    by_hand: bool = False

    @property
    def kept(self) -> str:
        """Name of the stored file."""
        return f"{self.name}.safetensors" if self.network else self.file

    @property
    def begun(self) -> str:
        """Name of an incomplete download."""
        return f"{self.name}-{self.file}.part" if self.network else f"{self.file}.part"


def _maxim(name: str, task: str, data: str, scores: Mapping[str, tuple[float, float]]) -> Published:
    """Return the entry of the authors' MAXIM-3S for a task, trained on a set of images."""
    images = data.replace("_", "-")
    return Published(
        name=f"maxim-s3-{name}",
        about=f"MAXIM S-3, {task.lower()}, trained on {images} (photographs)",
        file="checkpoint.npz",
        url=f"https://storage.googleapis.com/gresearch/maxim/ckpt/{task}/{data}/checkpoint.npz",
        size=None,
        sha256=None,
        licence="Apache-2.0 (google-research/maxim); the images have terms of their own",
        source="Tu et al., MAXIM, CVPR 2022; github.com/google-research/maxim",
        network="maxim",
        variant="S-3",
        trained_on=images,
        scores=scores,
    )


TABLE: dict[str, Published] = {
    entry.name: entry
    for entry in (
        Published(
            name="vgg16",
            about="VGG16 for the perceptual loss",
            file="vgg16-397923af.pth",
            url="https://download.pytorch.org/models/vgg16-397923af.pth",
            size=553_433_881,
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            licence="BSD-3-Clause (torchvision); trained on ImageNet, which has its own terms",
            source="torchvision, VGG16_Weights.IMAGENET1K_V1",
        ),
        Published(
            name="xception",
            about="Xception, for a classifier to begin with, trained on ImageNet (photographs)",
            file="xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
            url="https://storage.googleapis.com/tensorflow/keras-applications/xception/"
            "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
            size=83_683_744,
            sha256=None,
            md5="b0042744bf5b25fce3cb969f33bebb97",
            licence="MIT (keras.applications); trained on ImageNet, which has its own terms",
            source="Chollet, Xception, CVPR 2017; keras.applications",
            network="xception",
            trained_on="ImageNet",
        ),
        _maxim("reds", "Deblurring", "REDS", {"REDS": (28.93, 0.865)}),
        _maxim("gopro", "Deblurring", "GoPro", {"GoPro": (32.86, 0.961), "HIDE": (32.83, 0.956)}),
        _maxim("realblur-r", "Deblurring", "RealBlur_R", {"RealBlur-R": (39.45, 0.962)}),
        _maxim("realblur-j", "Deblurring", "RealBlur_J", {"RealBlur-J": (32.84, 0.935)}),
        _maxim("sidd", "Denoising", "SIDD", {"SIDD": (39.96, 0.960), "DND": (39.84, 0.954)}),
        Published(
            name="deblurgan",
            about="DeblurGAN, deblurring, trained on photographs; from a file of yours",
            file="latest_net_G.pth",
            url="https://drive.google.com/file/d/1liKzdjMRHZ-i5MWhC72EL7UZLNPj5_8Y/view",
            size=None,
            sha256=None,
            licence="BSD (KupynOrest/DeblurGAN); the images have terms of their own",
            source="Kupyn et al., DeblurGAN, CVPR 2018; github.com/KupynOrest/DeblurGAN",
            network="deblurgan",
            trained_on="photographs; the authors do not say which for this file",
            by_hand=True,
        ),
        Published(
            name="deblurgan-v2-mobile",
            about="DeblurGAN-v2 on MobileNetV2, the same; from a file of yours",
            file="fpn_mobilenet.h5",
            url="https://drive.google.com/file/d/1JhnT4BBeKBBSLqTo6UsJ13HeBXevarrU/view",
            size=None,
            sha256=None,
            licence="BSD (VITA-Group/DeblurGANv2); the images have terms of their own",
            source="Kupyn et al., DeblurGAN-v2, ICCV 2019; github.com/VITA-Group/DeblurGANv2",
            network="deblurgan-v2-mobile",
            trained_on="photographs; GoPro, DVD and NFS in the paper",
            scores={"GoPro": (28.17, 0.925)},
            by_hand=True,
        ),
    )
}
"""The published weights that can be downloaded, by name."""
