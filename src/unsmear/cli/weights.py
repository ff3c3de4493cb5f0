"""Command `unsmear weights`: download of published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from unsmear.cli.options.parameters import DryRun, MaybeOutputPath

weights = App(
    name="weights",
    help="Download published weights of other authors.",
    help_format="markdown",
    suppress_keyboard_interrupt=False,
)


@weights.command
def get(
    name: str,
    /,
    *,
    source: Annotated[Path | None, Parameter(name="--from")] = None,
    output: MaybeOutputPath = None,
    dry_run: DryRun = False,
) -> int:
    """Download weights, or take them from a file, and check them.

    An interrupted download is resumed. A file gets its final name only if its checksum is right;
    for a network also every array must be present and have the right shape. Networks are converted
    to the format of Unsmear: use MAXIM and DeblurGAN with `unsmear restore --method NAME`, and
    Xception as pretrained weights, without its last layer, with `unsmear train xception --start
    xception`. DeblurGAN's files have no address of their own and are given with --from.

    Parameters
    ----------
    name
        Name of the weights; `unsmear weights list` shows all names.
    source
        Local file to use instead of a download. For MAXIM: the authors' checkpoint.npz, a Keras
        copy (.h5) or Unsmear's .safetensors. For Xception: a file of Keras (.h5) or of timm (.pth,
        .safetensors), or Unsmear's .safetensors. For DeblurGAN: the authors' latest_net_G.pth or
        fpn_mobilenet.h5, or Unsmear's .safetensors.
    output
        Output folder [default: the folder in which Unsmear looks for weights].
    """
    from unsmear.cli.jobs.weights import announce, download

    return (announce if dry_run else download)(name, source, output)


@weights.command(name="list")
def list_() -> None:
    """List the available weights and where they are."""
    from unsmear.cli.jobs.weights import show_all

    show_all()
