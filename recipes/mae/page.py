"""Page of the comparison, as Markdown: every number and every verdict is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.mae import learning
from recipes.mae.comparison import CONDITIONS, Board
from recipes.mae.learning import AUTOENCODERS, RANDOM, Variant
from recipes.mae.scales import Setting
from unsmear.metrics.bootstrap import Interval
from unsmear.tables import narrow_markdown
from unsmear.train.config import options
from unsmear.train.engine import folder as folders

PLAIN, DEBLURRING = AUTOENCODERS
TITLES = {
    RANDOM: "from scratch",
    PLAIN: "plain MAE",
    DEBLURRING: "deblurring MAE",
}
PUBLISHED = (
    ("network", "ViT-B/16, decoder of width 512 and depth 8"),
    ("image side, pixels", "224"),
    ("images without labels", "10,675 (MICCAI 2023), 280,000 (the code's page)"),
    ("blur of the pretraining", "Gaussian, sigma 1.1 pixels"),
    ("epochs of pretraining", "12,000 at most, by the code's default"),
    ("seeds", "not given"),
)
"""What Kang et al. and their code have, by what `_sizes` names."""


DRAWN = (
    "Drawn fields with the labels of HPA, as frequent as they are there; {} labelled ones taught "
    "and validated the classifiers. Tested on"
)
REAL = (
    "Masked single cells of the Human Protein Atlas, one label in each mosaic (of the data of "
    "DULoc, Xue et al., Bioinformatics 2021). Each was classified by the network of the fold, of "
    "{}, that had not seen its mosaic; the encoders were pretrained on drawn fields. A group is a "
    "mosaic. Tested on"
)


@dataclass(frozen=True)
class Part:
    """A part of the comparison: its title, what its images are, and its classifiers' counts."""

    title: str
    words: str
    board: Board
    variants: Sequence[Variant]


def write(parts: Sequence[Part], setting: Setting, command: str, note: str = "") -> str:
    """Return the page. note: a sentence below the command."""
    sections = [
        "# Is a deblurring masked autoencoder a better recipe for cells too?",
        f"    {command}",
        _words(setting),
        note,
        "## The answer",
        *(_answer(part) for part in parts),
        *(_section(part) for part in parts),
        "## Budget",
        _budget(setting.runs(0)),
        "## What was scaled down",
        _sizes(setting),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _seeds(count: int) -> str:
    return "one seed shows nothing" if count == 1 else f"means over {count} seeds leave less"


def _words(setting: Setting) -> str:
    return (
        "A vision transformer learns the labels of the Human Protein Atlas: from random weights "
        f"({TITLES[RANDOM]}), from the encoder of a plain masked autoencoder (He et al., CVPR "
        "2022), and from that of a deblurring one (Kang et al., MICCAI 2023), whose input is "
        "blurred while its target is sharp. Both autoencoders see the same images without labels, "
        "for the same number of steps; they and all classifiers have the same encoder. Frozen: "
        "only the last layer learns. As long: from scratch, with as many steps as take the "
        "arithmetic of pretraining and teaching together. Test images are sharp, blurred by linear "
        f"motion of {setting.scale.length:g} pixels at any angle, and restored by deep-wiener with "
        "the true kernel and with the kernel that it estimates; where it is not sure of one, the "
        "image stays blurred. Macro F1 in %, with 95 % bootstrap intervals over groups of images; "
        "thresholds are chosen on other images, of the kind that the classifier was taught on. The "
        f"intervals hold the chance of the test images; of the training's, {_seeds(setting.seeds)}."
    )


def _answer(part: Part) -> str:
    """Return a table of differences and what they show."""
    rows = [["", "minus", *CONDITIONS]]
    shown = []
    for variant in part.variants:
        for rival in _rivals(variant, part.variants):
            cells = [part.board.difference(variant.name, rival.name, each) for each in CONDITIONS]
            names = title(variant), title(rival)
            rows.append([*names, *(f"{points(interval)}, p {p:.2g}" for interval, p in cells)])
            verdicts = [_verdict(interval) for interval, _ in cells]
            shown.append(f"- {names[0]}, against {names[1]}: {_counted(verdicts)}.")
    head = f"### {part.title}: differences in macro F1, in points"
    return "\n\n".join([head, narrow_markdown(rows, (0, 1)).rstrip(), "\n".join(shown)])


def _rivals(variant: Variant, variants: Sequence[Variant]) -> list[Variant]:
    """Return what a classifier that deblurred is compared with, as far as it is there."""
    if variant.start != DEBLURRING:
        return []
    alike = [Variant(start, variant.frozen, variant.taught) for start in (PLAIN, RANDOM)]
    longer = [learning.LONG] if variant in learning.FINE else []
    return [rival for rival in (*alike, *longer) if rival in variants]


def _verdict(difference: Interval) -> str:
    if difference.above:
        return "better"
    return "worse" if difference.below else "no difference shown"


def _counted(words: Sequence[str]) -> str:
    """Return verdicts with the conditions that they are about."""
    by_verdict: dict[str, list[str]] = {}
    for condition, word in zip(CONDITIONS, words, strict=True):
        by_verdict.setdefault(word, []).append(condition.replace(",", " with the"))
    if len(by_verdict) == 1:
        return f"{words[0]} on any images"
    return "; ".join(f"{word} on {', '.join(where)}" for word, where in by_verdict.items())


def _section(part: Part) -> str:
    board = part.board
    rows = [["", *CONDITIONS]]
    for variant in part.variants:
        cells = (percent(board.macro_f1(variant.name, condition)) for condition in CONDITIONS)
        rows.append([title(variant), *cells])
    words = f"{part.words} {board.images} images of {board.groups} groups."
    return f"## {part.title}\n\n{words}\n\n{narrow_markdown(rows).rstrip()}"


def title(variant: Variant) -> str:
    """Return a classifier's name in tables."""
    parts = [TITLES[variant.start]]
    if variant.long:
        parts.append("as long")
    elif variant.frozen:
        parts.append("frozen")
    elif variant.start != RANDOM:
        parts.append("fine-tuned")
    if variant.taught == learning.BLURRED:
        parts.append("taught on blurred images")
    return ", ".join(parts)


def _budget(folder: Path) -> str:
    rows = [["run", "steps", "batch", "minutes", "best step", "best validation score"]]
    for name, place in _runs(folder):
        run, summary = options.read(place / folders.CONFIG), learning.summary(place)
        rows.append([
            name,
            str(summary["step"]),
            str(run["data"]["batch"]),
            f"{summary['seconds'] / 60:.1f}",
            str(summary["best_step"]),
            f"{run['stop']['monitor']} {summary['best']:.4g}",
        ])  # fmt: skip
    machines, threads = (
        sorted(
            {str(folders.read_json(place / folders.ENVIRONMENT)[key]) for _, place in _runs(folder)}
        )
        for key in ("machine", "threads")
    )
    where = f"On {' and '.join(machines)}; threads: {', '.join(threads)}."
    words = (
        "Minutes are the clock's, whatever else the machine did. Of the first seed, drawn fields."
    )
    return f"{narrow_markdown(rows).rstrip()}\n\n{where} {words}"


def _runs(folder: Path) -> Iterator[tuple[str, Path]]:
    for name in AUTOENCODERS:
        yield f"pretraining, {TITLES[name]}", folder / name
    for variant in learning.DRAWN:
        yield title(variant), folder / variant.name


def _sizes(setting: Setting) -> str:
    scale = setting.scale
    run = options.read(setting.runs(0) / DEBLURRING / folders.CONFIG)
    low, high = run["data"]["length"]
    epochs = run["stop"]["steps"] * run["data"]["batch"] / scale.unlabelled
    encoder = {**scale.encoder, **scale.decoder}
    here: Mapping[str, str] = {
        "network": ", ".join(f"{name} {value}" for name, value in encoder.items()),
        "image side, pixels": str(scale.side),
        "images without labels": f"{scale.unlabelled:,}, drawn",
        "blur of the pretraining": f"linear motion, {low:g} to {high:g} pixels, any angle",
        "epochs of pretraining": f"{epochs:.1f}",
        "seeds": str(setting.seeds),
    }
    rows = [["", "Kang et al.", "here"]]
    rows += [[name, published, here[name]] for name, published in PUBLISHED]
    return (
        f"{narrow_markdown(rows, (0, 1, 2)).rstrip()}\n\nThe published fine-tuning also lowers the "
        "rate from layer to layer, drops blocks at random and erases parts of images; that here "
        "does not, for any start."
    )


def percent(interval: Interval) -> str:
    """Return a share with its interval, in percent."""
    return _with_ends(interval, "{:.1f}")


def points(interval: Interval) -> str:
    """Return a difference of shares with its interval, in points."""
    return _with_ends(interval, "{:+.1f}")


def _with_ends(interval: Interval, form: str) -> str:
    value = form.format(100 * interval.value)
    if interval.low is None or interval.high is None:
        return value
    return f"{value} [{form.format(100 * interval.low)}, {form.format(100 * interval.high)}]"
