"""The page's part that asks why, with the table of the corrected networks."""

from __future__ import annotations

from collections.abc import Sequence

from diagnoses import BLACK, DARK, PERIODS, SIGMA
from formats import SCORED, interval, scored, table
from history import History
from networks import CORRECTED, PAPERS
from scores import FIRST, LABELS, Scores
from unsmear.evaluate import BLURRED, SHARP


def write(scores: Scores, histories: Sequence[History]) -> str:
    """Return the part of the page."""
    parts = [
        "## Why, and what a corrected version reaches",
        _verdicts(scores),
        _reasons(scores),
        _second(scores),
        _diagnoses(scores),
        _critics(histories),
    ]
    return "\n\n".join(part for part in parts if part)


def _verdicts(scores: Scores) -> str:
    blurred = scores.lines[BLURRED]
    sentences = []
    for name in (*PAPERS, *CORRECTED):
        if name in scores.lines:
            line = scores.lines[name]
            gained = line.gain_psnr.value - blurred.gain_psnr.value
            alike = line.ssim.value - blurred.ssim.value
            sentences.append(
                f"- {LABELS[name]}, against the blurred image: {interval(line.gain)} dB; "
                f"{gained:+.2f} dB after the best gain; SSIM {alike:+.3f}."
            )
    return "\n".join(sentences)


def _reasons(scores: Scores) -> str:
    """Return what the diagnoses say, in sentences."""
    diagnosed, lines = scores.diagnoses, scores.lines
    sentences = []
    if {SHARP, "dcae"} <= diagnosed.keys():
        reasons = [_grids(scores, name) for name in ("dcae", "dcae-corrected") if name in diagnosed]
        sentences.append(
            "- Checkerboards of transposed convolutions: at the frequencies of their grids "
            + "; ".join(reasons) + "."
        )  # fmt: skip
    for name in ("gan", "gan-printed"):
        if f"{name}, batch" in lines:
            change = lines[f"{name}, batch"].psnr.value - lines[name].psnr.value
            sentences.append(
                f"- Batch statistics at batch 1, {LABELS[name]}: normalised by the image at hand, "
                f"as in training, instead of by the moving averages: {change:+.2f} dB."
            )
    if diagnosed and diagnosed[DARK].features and diagnosed[BLURRED].features:
        share = diagnosed[DARK].features / diagnosed[BLURRED].features
        squares = 10 ** ((diagnosed[BLURRED].psnr - diagnosed[DARK].psnr) / 10)
        sentences.append(
            "- What the perceptual loss sees of brightness: the sharp image, only darkened as the "
            f"recipe does it, has {squares:.0%} of the blurred image's squared error and "
            f"{share:.0%} of its perceptual loss."
        )
    return "\n".join(sentences)


def _grids(scores: Scores, name: str) -> str:
    pairs = zip(scores.diagnoses[name].grids, scores.diagnoses[SHARP].grids, strict=True)
    above = [own - sharp for own, sharp in pairs]
    listed = ", ".join(
        f"{value:+.0f} dB ({period} px)" for value, period in zip(above, PERIODS, strict=True)
    )
    return f"{LABELS[name]} stands {listed} out of the sharp image"


def _second(scores: Scores) -> str:
    order = [BLURRED]
    for name in ("dcae", "gan", "gan-printed"):
        order += [name, f"{name}-corrected", f"{name}, batch"]
    order += ["maxim", "maxim-scratch"]
    order += [name for name in FIRST if name.startswith("deep")]
    rows = [(LABELS[name], *scored(scores.lines[name])) for name in order if name in scores.lines]
    return table(("", *SCORED), rows)


def _diagnoses(scores: Scores) -> str:
    if not scores.diagnoses:
        return ""
    names = {**LABELS, DARK: "sharp, only darkened", BLACK: "black"}
    order = [SHARP, DARK, BLACK, BLURRED, *(name for name in LABELS if name in scores.diagnoses)]
    rows = []
    for name in dict.fromkeys(order):
        diagnosis = scores.diagnoses[name]
        low = "-" if diagnosis.low is None else f"{100 * diagnosis.low:.0f} %"
        features = "-" if diagnosis.features is None else f"{diagnosis.features:.2f}"
        grids = (f"{value:+.1f}" for value in diagnosis.grids)
        psnr = "-" if name == SHARP else f"{diagnosis.psnr:.2f}"
        rows.append((names[name], psnr, f"{diagnosis.brightness:.3f}", low, features, *grids))
    head = (
        "", "PSNR, dB", "brightness", "low frequencies", "perceptual loss",
        "grid of 2 px, dB", "of 4 px", "of 8 px",
    )  # fmt: skip
    return (
        f"What {scores.examined} of the test images show without any training. Brightness: the sum "
        "of the light over the sharp image's. Low frequencies: the share of the squared error that "
        f"is left after a Gaussian of {SIGMA:g} pixels. Perceptual loss: what the paper's networks "
        "were trained to make small. Grid: the power at the frequencies of a checkerboard over "
        "that beside them; what stands out of the sharp image's row was drawn by the network."
        "\n\n" + table(head, rows)
    )


def _critics(histories: Sequence[History]) -> str:
    rows = []
    for history in histories:
        if history.run.adversarial.loss != "none":
            parts = [_thirds(history.log[side]) for side in ("critic_real", "critic_fake")]
            between = _thirds([a - b for a, b in zip(*_sides(history), strict=True)])
            rows.append((LABELS[history.name], *parts[0], *parts[1], *between))
    if not rows:
        return ""
    head = ["", *(f"{what}, {when}" for what in ("sharp", "restored", "difference")
                  for when in ("first third", "last third"))]  # fmt: skip
    return (
        "The critics' mean scores of sharp and restored images. A critic is of use where it tells "
        "the two apart, with sharp above restored. The printed loss only pushes down the score of "
        "the sharp ones, and nothing in it holds that score or looks at the restored ones.\n\n"
        + table(head, rows)
    )


def _sides(history: History) -> tuple[list[float], list[float]]:
    return history.log["critic_real"], history.log["critic_fake"]


def _thirds(values: Sequence[float]) -> tuple[str, str]:
    third = max(1, len(values) // 3)
    return tuple(f"{sum(part) / len(part):.4g}" for part in (values[:third], values[-third:]))
