"""Page of Table V: tables in Markdown, and sentences derived from the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import networks
import why
from diagnoses import BLACK
from formats import SCORED, interval, scored, table
from history import History
from pictures import SIDE
from scores import FIRST, LABELS, Scores
from unsmear.blur import Paper
from unsmear.evaluate import BLURRED, SHARP

UNPRINTED, NONE = ("not given", "not given"), ("-", "-")
PAPER = {
    SHARP: NONE,
    BLURRED: UNPRINTED,
    "wiener, estimated kernel": NONE,
    "deep-wiener, estimated kernel": NONE,
    "wiener-local": ("5.6402", "0.0361"),
    "dcae": ("18.7227", "0.2650"),
    "gan": ("21.8703", "0.4340"),
    "gan-printed": ("21.8703", "0.4340"),
    "maxim": ("24.9807", "0.6839"),
    "ganscan": NONE,
}
"""PSNR and SSIM of the paper's Table V, of the rows of ours."""
UNTRAINED = ("not trained here", "", "", "")
EPOCHS = {"dcae": 100, "gan": 5, "maxim": 18, "ganscan": 5}
"""Of the paper; GANscan's are those of its GAN."""


def write(scores: Scores, histories: Sequence[History], command: str, pictures: str) -> str:
    """Return the page. pictures: the folder of its pictures, relative to it."""
    parts = [
        _beginning(scores, histories, command),
        _first(scores),
        _maxim(histories),
        _kinds(scores),
        why.write(scores, histories),
        _scaled(histories),
        f"## Pictures\n\nThe busiest {SIDE}x{SIDE} pixels of some test images, on the scale of the "
        f"sharp one:\n\n![restored fields]({pictures}/paper-fields.jpg)\n\n"
        f"The training:\n\n![curves]({pictures}/paper-curves.png)",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _beginning(scores: Scores, histories: Sequence[History], command: str) -> str:
    real = next(iter(scores.real.values())).images if scores.real else 0
    own = next(iter(scores.own.values())).images if scores.own else 0
    beside = f" and {real} real images of cells" if real else ""
    blur = Paper()
    trained = f", {histories[0].images} to train on" if histories else ""
    return (
        "# The paper's Table V, again\n\n"
        f"    {command}\n\n"
        "The paper's protocol: fields made smaller to 256x256, then blurred by its recipe (degree "
        f"{blur.degree}, angle {blur.angle:g}: a vertical movement of six pixels that also darkens "
        f"to {blur.recipe().sum():.2f}), RGB, 8 bits. "
        f"Test images: {own} {scores.kind}{beside}, of groups that no network was trained on"
        f"{trained}. Numbers are means with 95 % bootstrap intervals over "
        "groups. `recipes/paper/README.md` says how it is made."
    )


def _first(scores: Scores) -> str:
    rows = []
    for name in (*FIRST, *networks.BESIDE):
        if name in scores.lines:
            rows.append((LABELS[name], *PAPER[name], *scored(scores.lines[name])))
        elif name == "maxim":
            rows.append((LABELS[name], *PAPER[name], *UNTRAINED))
    head = ("", "PSNR, paper", "SSIM, paper", *SCORED)
    return (
        "## Table V\n\n"
        + table(head, rows)
        + "\n\nEverything is scored from 0 to 255, the range of the files. The paper's 5.64 dB of "
        "the Wiener filter cannot be the filter's doing: in the right range the same 5x5 filter "
        f"reaches what its row says{_black(scores)}. The paper does not print the blurred images' "
        "own scores, nor which critic loss it trained with; its number stands beside both.\n\n"
        "**The column after the best gain** takes brightness out: the recipe darkens, which costs "
        f"the blurred image {_cost(scores)} dB. Restorers that keep the light, as all of ours do, "
        "leave that in; a network that is trained on such pairs learns to brighten. "
        f"Where no movement was found with certainty ({scores.left} of "
        f"{scores.lines[BLURRED].images} images) those with the estimated kernel leave the image "
        "as it is. What a classifier finds in these restorers' images is Table VI, "
        "`paper-table-6.md`."
    )


def _maxim(histories: Sequence[History]) -> str:
    """Return a note on the MAXIM row, which starts from pretrained weights."""
    for history in histories:
        if history.name == "maxim" and history.run.start is not None:
            size = ", ".join(f"{name} {value}" for name, value in history.run.options.items())
            start = "/".join(Path(history.run.start).parts[-2:])
            return (
                f"**MAXIM here** ({size}) begins with the weights `{start}`; as in the paper only "
                "the parameters of the last fifty Keras layers then learned, by the final image's "
                "perceptual loss. The paper's begins with S-3's published weights of REDS, in a "
                "copy whose transposed convolutions are flipped; `unsmear weights get "
                "maxim-s3-reds` brings them, and the same command then begins with them."
            )
    return ""


def _black(scores: Scores) -> str:
    black_image = scores.diagnoses.get(BLACK)
    return f", and even a black image {black_image.psnr:.1f} dB" if black_image else ""


def _cost(scores: Scores) -> str:
    line = scores.lines[BLURRED]
    return f"{line.gain_psnr.value - line.psnr.value:.1f}"


def _kinds(scores: Scores) -> str:
    if not (scores.real and scores.own):
        return ""
    rows = [
        (LABELS[name], *(interval(getattr(of[name], what)) for of in (scores.own, scores.real)
                         for what in ("psnr", "gain_psnr")))
        for name in LABELS
        if name in scores.lines and name != SHARP
    ]  # fmt: skip
    head = ("", f"{scores.kind}: PSNR", "after gain", "real images: PSNR", "after gain")
    return f"### {scores.kind.capitalize()} and real images\n\n" + table(head, rows)


def _scaled(histories: Sequence[History]) -> str:
    if not histories:
        return ""
    papers = {
        "dcae": ("32", "100 epochs at most"),
        "gan": ("1", "5"),
        "maxim": ("32", "18 at most, after its first training"),
        "maxim-scratch": ("not in the paper", "not in the paper"),
        "ganscan": ("not in the paper", "not in the paper"),
    }
    rows = []
    for history in histories:
        batch, epochs = papers[
            history.run.model if history.name != "maxim-scratch" else history.name
        ]
        size = history.run.data.size
        rows.append((
            LABELS[history.name],
            f"{history.images} (4000)",
            f"{size}x{size} (256x256)",
            f"{history.run.data.batch} ({batch})",
            str(history.summary["step"]),
            f"{history.samples / history.images:.1f} ({epochs})",
            f"{float(history.summary['seconds']) / 60:.0f}",
            f"{history.samples * size**2 / _asked(history):.2%}",
            str(history.summary["best_step"]),
        ))  # fmt: skip
    head = (
        "", "images", "pixels of a crop", "batch", "steps", "passes", "minutes",
        "pixels seen, of the paper's", "step that is scored",
    )  # fmt: skip
    where = ", ".join(dict.fromkeys(str(history.environment["machine"]) for history in histories))
    return (
        "## What was scaled down\n\nIn brackets what the paper has. Trained on "
        f"{where}.\n\n" + table(head, rows)
    )


def _asked(history: History) -> float:
    """Return the pixels that the paper's own run sees: 80 % of 5,000 images in every pass."""
    return 4000 * 256**2 * EPOCHS[history.run.model]
