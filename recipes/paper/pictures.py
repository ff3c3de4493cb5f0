"""Pictures of the page: restored fields side by side, and training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from history import History
from unsmear.evaluate import Case, MethodWithKernel, restore_case
from unsmear.report.figure import new_figure, save

SIDE = 96
"""Side in pixels of the part of a field that is shown."""
INCHES = 1.45
SHORT = {
    "sharp": "sharp",
    "blurred": "blurred",
    "wiener-local": "Wiener 5x5",
    "wiener, estimated kernel": "Wiener",
    "dcae": "DCAE",
    "gan": "GAN",
    "gan-printed": "GAN, printed loss",
    "maxim": "MAXIM, fine-tuned",
    "deep-wiener, estimated kernel": "deep-wiener",
    "dcae-corrected": "DCAE, corrected",
    "gan-corrected": "GAN, corrected",
    "maxim-scratch": "MAXIM S-1",
    "ganscan": "GANscan, as pix2pix",
}


def draw_fields(
    path: Path, cases: Sequence[Case], contenders: Mapping[str, MethodWithKernel]
) -> None:
    """Write a part of each image: sharp, blurred, and as each restorer made it.

    One scale a row, the sharp image's: what is darker is darker.
    """
    names = [name for name in SHORT if name in contenders]
    columns = ["sharp", "blurred", *names]
    figure = new_figure(len(columns) * INCHES, len(cases) * INCHES + 0.4, 110)
    panels = figure.subplots(len(cases), len(columns), squeeze=False)
    for row, case in zip(panels, cases, strict=True):
        shown = {}
        for name in names:
            sharp, blurred, shown[name] = restore_case(case, contenders[name])
        fields = [image.planes()[0] for image in (sharp, blurred, *shown.values())]
        window = _busiest(fields[0])
        white = max(1.0, float(np.percentile(fields[0][:, *window], 99.8)))
        for axes, planes in zip(row, fields, strict=True):
            units = (np.moveaxis(planes[:3, *window], 0, -1) / white).clip(0, 1)
            axes.imshow(units if units.shape[-1] == 3 else units[..., 0], cmap="gray")
            axes.set(xticks=[], yticks=[])
    for axes, name in zip(panels[0], columns, strict=True):
        axes.set_title(SHORT[name], fontsize=8)
    save(figure, path)


def draw_curves(path: Path, histories: Sequence[History]) -> None:
    """Write PSNR on the validation images, the features' loss, and what the critics say."""
    figure = new_figure(12, 3.6, 110)
    psnr, features, critics = figure.subplots(1, 3)
    for number, history in enumerate(histories):
        colour = f"C{number}"
        crops = [step * history.run.data.batch for step in history.validation.get("step", [])]
        psnr.plot(
            crops, history.validation.get("psnr", []), "o-", ms=3, c=colour, label=history.name
        )
        if "perceptual" in history.log:
            features.plot(history.log["samples"], _smooth(history.log["perceptual"]), c=colour)
        if history.run.adversarial.loss in ("paper", "wasserstein"):
            for side, style in (("critic_real", "-"), ("critic_fake", ":")):
                label = f"{history.name}, {'sharp' if side == 'critic_real' else 'restored'}"
                critics.plot(
                    history.log["samples"], _smooth(history.log[side]), style, c=colour, label=label
                )
    for history in histories[:1]:
        for value in history.validation.get("blurred_psnr", [])[:1]:
            psnr.axhline(value, c="k", ls="--", lw=1, label="blurred")
    psnr.set(title="validation", ylabel="PSNR, dB", xlabel="training crops")
    features.set(title="training", ylabel="perceptual loss", xlabel="training crops", yscale="log")
    critics.set(title="training", ylabel="critic's score", xlabel="training crops")
    critics.set_yscale("symlog")
    for axes in (psnr, critics):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7)
    save(figure, path)


def _busiest(planes: NDArray[np.generic]) -> tuple[slice, slice]:
    """Return the part, of at most `SIDE` pixels, with the steepest edges; of some fixed places."""
    height, width = planes.shape[-2:]
    steep = np.abs(np.diff(planes.astype(np.float32), axis=-2)).mean(axis=0)
    places = [
        (top, left)
        for top in range(0, max(1, height - SIDE + 1), SIDE // 4)
        for left in range(0, max(1, width - SIDE + 1), SIDE // 4)
    ]
    best = max(places, key=lambda at: steep[at[0] : at[0] + SIDE, at[1] : at[1] + SIDE].mean())
    return tuple(slice(start, start + SIDE) for start in best)


def _smooth(values: Sequence[float]) -> NDArray[np.float64]:
    """Return means over a twentieth of the row; the first ones over what there is."""
    width = max(1, len(values) // 20)
    sums = np.cumsum(np.insert(np.asarray(values, np.float64), 0, 0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)
