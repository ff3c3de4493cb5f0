"""Options of the commands that compare methods on pairs of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cyclopts import Parameter

from unsmear.choices import KernelSource
from unsmear.cli.options.parameters import Repeated


@Parameter(name="*")
@dataclass(frozen=True)
class ComparedOptions:
    """Which methods are compared, and on which pairs."""

    method: Repeated | None = None
    """Restoration method, as in `unsmear restore`: a name, or the path of a trained network's
    weights (runs/cells/best); repeat the option for several. Without it, all methods by name."""

    kernel: KernelSource = "both"
    """Kernel for non-blind methods: the true one of the manifest, the one estimated from the
    blurred image, or both in turn."""

    split: str = ""
    "Use only the pairs of this split of the manifest: train, val or test."

    data_range: float | None = None
    """Counts from black to white: 4095 for 12 bits in a 16-bit file. Without it, integer images
    use the range of their dtype; float images need it."""


@Parameter(name="*")
@dataclass(frozen=True)
class MeasuredOptions:
    """What is asked of sharp, blurred and restored images."""

    classifier: str | None = None
    """Weights of a classifier from `unsmear train`, which predicts the labels of every image:
    their path (runs/labels/best) or the folder of the run. Or light-cells, which comes with the
    package and is trained on synthetic cells."""

    measure: Repeated | None = None
    """Measurement: nuclei, detection, intensity, colocalisation, texture, all, or a Python file
    with a function `measure`; repeat the option for several. Without a classifier, the default
    is all."""

    nuclei: str = ""
    """Channel that shows the nuclei, by its name or its number from 0. By default the one whose
    name says it: blue, DAPI, Hoechst, DRAQ5, DNA, nuclei."""

    other_labels: Literal["refuse", "leave-out"] = "refuse"
    "True labels that the classifier does not know: refuse the pairs, or leave the labels out."
