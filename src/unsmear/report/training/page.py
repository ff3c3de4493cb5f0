"""Report of a training run: data, curves, samples, configuration, how the run ended."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unsmear import plain_files
from unsmear.atomic import write_aside
from unsmear.errors import OptionError, UnsmearError, error_text
from unsmear.journal import DAMAGE
from unsmear.report import html_page
from unsmear.report.html_page import Section
from unsmear.report.training import curves
from unsmear.report.training.folder import RunFolder, read
from unsmear.tables import narrow_markdown

FILES = (".html", ".md")
"""File name extensions of a page."""

CAPTION = "Each row is a validation sample: blurred, restored, sharp."
CAPTION_OF_PRETRAINING = (
    "Each row is a validation sample: input without its hidden patches, prediction, sharp."
)
Table = Sequence[Sequence[str]]
"""Rows, the first of which are the titles."""


@dataclass(frozen=True)
class Picture:
    """A picture of the page: its name, its caption and the PNG data."""

    name: str
    caption: str
    png: bytes


def write(folder: Path, path: Path) -> list[Path]:
    """Write the page of a run's folder; return the files.

    path: a self-contained .html file, or an .md file with its pictures beside it. The run may be in
    progress.

    Raises OptionError for a folder that is not of a run and for another extension, MissingExtra
    without matplotlib, and ImageError where a file cannot be written.
    """
    with _refusing_damage(folder):
        return _write(_read(folder, path), path)


@contextmanager
def _refusing_damage(folder: Path) -> Iterator[None]:
    """Raise OptionError for files that a run did not write so: nothing else can fail here."""
    try:
        yield
    except UnsmearError:
        raise
    except (ArithmeticError, LookupError, *DAMAGE) as error:
        reason = f"{type(error).__name__}: {error_text(error)}"
        raise OptionError(f"{folder}: the files of the run are damaged ({reason}).") from error


def _write(run: RunFolder, path: Path) -> list[Path]:
    """Write the page of a run; raises one of DAMAGE where its files hold something else."""
    curves, samples = _curves(run), _samples(run)
    if path.suffix.lower() == ".html":
        lead = html_page.paragraphs(sentences(run))
        html_page.write(path, run.name, _sections(run, curves, samples), lead)
        return [path]
    pictures = [*curves, *samples]
    names = {picture.name: f"{path.stem}-{picture.name}.png" for picture in pictures}
    for picture in pictures:
        write_aside(path.with_name(names[picture.name]), picture.png)
    write_aside(path, _markdown(run, curves, samples, names).encode())
    return [path, *(path.with_name(name) for name in names.values())]


def check(folder: Path, path: Path) -> list[Path]:
    """Return the files that `write` would write; raises OptionError as it does.

    Of an .md file's pictures only their pattern is returned.
    """
    with _refusing_damage(folder):
        _read(folder, path)
    pictures = [path.with_name(f"{path.stem}-*.png")] if path.suffix.lower() == ".md" else []
    return [path, *pictures]


def _read(folder: Path, path: Path) -> RunFolder:
    """Return a run; raises OptionError for another folder, and for a page of another kind."""
    if path.suffix.lower() not in FILES:
        raise OptionError(f"the page must end in .html or .md, got {path.name!r}.")
    return read(folder)


def sentences(run: RunFolder) -> list[str]:
    """Return sentences on the network and its data, the end, the best score and the speed."""
    lines = [_trained(run), _ended(run)]
    if run.best is not None:
        lines.append(f"Best at step {run.best['step']:.0f}: {_reached(run.best)}.")
    return [*lines, *_speed(run)]


def _reached(best: Mapping[str, float]) -> str:
    """Return the main scores of a validation."""
    if "average_precision" in best:
        return (
            f"average precision {best['average_precision']:.3f}, F1 {best['micro_f1']:.3f} micro "
            f"and {best['macro_f1']:.3f} macro"
        )
    if "masked" in best:
        return f"squared error {best['masked']:.4g} masked and {best['visible']:.4g} visible"
    blurred = best.get("blurred_psnr")
    compared = "" if blurred is None else f"; blurred images {blurred:.2f} dB"
    return f"PSNR {best['psnr']:.2f} dB{compared}"


def _trained(run: RunFolder) -> str:
    options = ", ".join(f"{name} {value}" for name, value in run.config.get("options", {}).items())
    network = f"{run.config.get('model', 'unknown')}{f' ({options})' if options else ''}"
    data = run.config.get("data", {})
    size, batch = data.get("size"), data.get("batch")
    return (
        f"The network {network} is trained on {_what(run)}: {size}x{size} pixels, batches of "
        f"{batch}, seed {run.config.get('seed', 0)}."
    )


def _what(run: RunFolder) -> str:
    """Return a phrase on the training data."""
    data = run.environment.get("data", {})
    images = data.get("images")
    if run.labels:
        known = {
            "pairs": "sharp images of prepared pairs",
            "images": "images",
            "cells": "fields of synthetic cells",
        }
        which = known.get(str(data.get("kind")), "unknown samples")
        return f"{images} {which} with {run.labels} labels"
    known = {
        "pairs": f"{data.get('pairs')} prepared pairs",
        "sharp": f"{images} sharp images, with a new blur in each sample",
        "cells": "synthetic cells, with a new blur in each sample",
    }
    return known.get(str(data.get("kind")), "unknown samples")


def _ended(run: RunFolder) -> str:
    step = run.step
    if run.summary is None:
        return f"The run has not ended; the last logged step is {step}."
    why = {
        "steps": "all steps are done",
        "patience": "the score no longer improved",
        "minutes": "the time limit was reached",
        "stopped": "it was stopped, and can be resumed",
        "pruned": "a search stopped it, because other trials were better",
    }
    reason = str(run.summary["reason"])
    return f"It ended at step {step}: {why.get(reason, reason)}."


def _speed(run: RunFolder) -> list[str]:
    if run.summary is not None:
        speed, alone = (
            run.summary[name] for name in ("samples_per_second", "samples_per_second_alone")
        )
        share = speed / alone if alone else 0.0
        return [
            f"{speed:.4g} samples per second, data included; {alone:.4g} without waiting for data "
            f"({share:.0%})."
        ]
    last = run.steps[-1] if run.steps else None
    if last is None or not last["seconds"]:
        return []
    return [f"{last['samples'] / last['seconds']:.4g} samples per second so far, data included."]


def _curves(run: RunFolder) -> list[Picture]:
    figure = curves.draw(run)
    if figure is None:
        return []
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return [Picture("curves", curves.caption(run), stream.getvalue())]


def _samples(run: RunFolder) -> list[Picture]:
    """Return the pictures of the first, the best and the last validation, each once."""
    if not run.pictures:
        return []
    steps = sorted(run.pictures)
    best = int(run.best["step"]) if run.best is not None else None
    called: dict[int, list[str]] = {}
    for name, step in (("first", steps[0]), ("best", best), ("last", steps[-1])):
        if step in run.pictures and step is not None:
            called.setdefault(step, []).append(name)
    return [
        Picture(
            f"samples-{at:07d}",
            f"Step {at}, {_and(names)}",
            plain_files.read_bytes(run.pictures[at]),
        )
        for at, names in sorted(called.items())
    ]


def _caption(run: RunFolder) -> str:
    return CAPTION_OF_PRETRAINING if "pretext" in run.config else CAPTION


def _and(names: Sequence[str]) -> str:
    *before, last = names
    return f"the {', '.join(before)} and {last}" if before else f"the {last}"


SCORES: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "psnr": ("PSNR, dB", "{:.2f}".format),
    "gain_psnr": ("scale-invariant PSNR, dB", "{:.2f}".format),
    "ssim": ("SSIM", "{:.4f}".format),
    "average_precision": ("average precision", "{:.4f}".format),
    "micro_f1": ("F1, micro", "{:.4f}".format),
    "macro_f1": ("F1, macro", "{:.4f}".format),
    "harmonic_f1": ("F1, harmonic", "{:.4f}".format),
    "masked": ("squared error, masked", "{:.4g}".format),
    "visible": ("squared error, visible", "{:.4g}".format),
    "loss": ("loss", "{:.4g}".format),
}
"""Columns of the table of scores: their titles and formats, for all kinds of networks."""


def scores(run: RunFolder) -> Table:
    """Return the scores of the first, best and last validation, and of the blurred images."""
    if not run.validations:
        return []
    first, last = run.validations[0], run.validations[-1]
    columns = {name: column for name, column in SCORES.items() if name in last}
    blurred = {name: last[f"blurred_{name}"] for name in columns if f"blurred_{name}" in last}
    rows: list[tuple[str, Mapping[str, float]]] = [("blurred", blurred)] if blurred else []
    shown = [("first", first), ("best", run.best or last), ("last", last)]
    rows += [(f"{name}, step {row['step']:.0f}", row) for name, row in shown]
    return [
        ["", *(title for title, _ in columns.values())],
        *(
            [
                title,
                *(form(row[name]) if name in row else "" for name, (_, form) in columns.items()),
            ]
            for title, row in rows
        ),
    ]


def environment(run: RunFolder) -> Table:
    """Return the environment of the run: versions, data, device; one row each."""
    rows = [["", ""]]
    for name, value in run.environment.items():
        rows.append([name, _words(value)])
    return rows[:1] + [row for row in rows[1:] if row[1]]


def _words(value: object) -> str:
    """Return a value as text; a mapping without its brackets."""
    if not isinstance(value, Mapping):
        return str(value)
    return ", ".join(f"{key} {_words(item)}" for key, item in value.items() if item != "")


def _sections(
    run: RunFolder, curves: Sequence[Picture], samples: Sequence[Picture]
) -> list[Section]:
    shown = {
        "Scores": html_page.table(scores(run)),
        "Curves": "\n".join(map(_picture, curves)),
        "Samples": "\n".join(
            [
                *html_page.paragraphs([_caption(run)] if samples else []).splitlines(),
                *map(_picture, samples),
            ]
        ),
        "Configuration": f"<pre>{html.escape(run.toml)}</pre>",
        "Environment": html_page.table(environment(run), texts=2),
    }
    return [Section(title, inner) for title, inner in shown.items()]


def _picture(picture: Picture) -> str:
    return html_page.picture(picture.png, picture.caption, picture.caption)


def _markdown(
    run: RunFolder,
    curves: Sequence[Picture],
    samples: Sequence[Picture],
    names: Mapping[str, str],
) -> str:
    def shown(picture: Picture) -> str:
        address = names[picture.name].replace(" ", "%20")
        return f"{picture.caption}\n\n![{picture.name}]({address})"

    parts = [f"# {run.name}", "\n".join(f"- {line}" for line in sentences(run))]
    if run.validations:
        parts += ["## Scores", narrow_markdown(scores(run)).rstrip()]
    if curves:
        parts += ["## Curves", *map(shown, curves)]
    if samples:
        parts += ["## Samples", _caption(run), *map(shown, samples)]
    parts += ["## Configuration", f"```toml\n{run.toml.rstrip()}\n```"]
    parts += ["## Environment", narrow_markdown(environment(run), words=(0, 1)).rstrip()]
    return "\n\n".join(parts) + "\n"
