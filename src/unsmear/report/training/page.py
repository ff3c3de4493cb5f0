"""A training run on one page: what was trained on what, curves, samples, how it ended."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unsmear.atomic import write_aside
from unsmear.errors import OptionError
from unsmear.report import html_page
from unsmear.report.html_page import Section
from unsmear.report.training import curves
from unsmear.report.training.folder import RunFolder, read
from unsmear.tables import narrow_markdown

FILES = (".html", ".md")
"""Endings of a page."""

CAPTION = "Each row is a sample of the validation: blurred, restored, sharp."
Table = Sequence[Sequence[str]]
"""Rows, the first of which are the titles."""


@dataclass(frozen=True)
class Picture:
    """A picture of the page: a word for its file, what it shows, and the PNG."""

    name: str
    caption: str
    png: bytes


def write(folder: Path, path: Path) -> list[Path]:
    """Write the page of a run's folder; return the files.

    path: ends in .html, for one file that needs no other, or in .md, with its pictures beside it.
    A run that has not ended, or has only begun, has a page too.

    Raises OptionError for a folder that is no run's and another ending, MissingExtra without
    matplotlib, and ImageError where a file cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in FILES:
        raise OptionError(f"the page must end in .html or .md, got {path.name!r}.")
    run = read(folder)
    curves, samples = _curves(run), _samples(run)
    if kind == ".html":
        lead = html_page.paragraphs(sentences(run))
        html_page.write(path, run.name, _sections(run, curves, samples), lead)
        return [path]
    names = {one.name: f"{path.stem}-{one.name}.png" for one in [*curves, *samples]}
    for one in [*curves, *samples]:
        write_aside(path.with_name(names[one.name]), one.png)
    write_aside(path, _markdown(run, curves, samples, names).encode())
    return [path, *(path.with_name(name) for name in names.values())]


def sentences(run: RunFolder) -> list[str]:
    """Return what was trained on what, how it ended, what it reached and how fast it was."""
    said = [_trained(run), _ended(run)]
    if run.best is not None:
        said.append(f"Best at step {run.best['step']:.0f}: {_reached(run.best)}.")
    return [*said, *_speed(run)]


def _reached(best: Mapping[str, float]) -> str:
    """Return a validation's main scores, a restorer's or a classifier's."""
    if "average_precision" in best:
        return (
            f"average precision {best['average_precision']:.3f}, F1 {best['micro_f1']:.3f} micro "
            f"and {best['macro_f1']:.3f} macro"
        )
    blurred = best.get("blurred_psnr")
    beside = "" if blurred is None else f"; the blurred images have {blurred:.2f} dB"
    return f"PSNR {best['psnr']:.2f} dB{beside}"


def _trained(run: RunFolder) -> str:
    options = ", ".join(f"{name} {value}" for name, value in run.config.get("options", {}).items())
    network = f"{run.config.get('model', 'unknown')}{f' ({options})' if options else ''}"
    asked = run.config.get("data", {})
    size, batch = asked.get("size"), asked.get("batch")
    return (
        f"The network {network} is trained on {_what(run)}: {size}x{size} pixels, batches of "
        f"{batch}, seed {run.config.get('seed', 0)}."
    )


def _what(run: RunFolder) -> str:
    """Return what the network is trained on."""
    data = run.environment.get("data", {})
    images = data.get("images")
    if run.labels:
        known = {
            "pairs": "sharp images of prepared pairs",
            "images": "images",
            "cells": "fields of drawn cells",
        }
        which = known.get(str(data.get("kind")), "samples that are not described")
        return f"{images} {which}, to find {run.labels} labels in them"
    known = {
        "pairs": f"{data.get('pairs')} prepared pairs",
        "sharp": f"{images} sharp images, blurred afresh for every sample",
        "cells": "drawn cells, blurred afresh for every sample",
    }
    return known.get(str(data.get("kind")), "samples that are not described")


def _ended(run: RunFolder) -> str:
    step = run.step
    if run.summary is None:
        return f"The run has not ended; the last that is written down is step {step}."
    why = {
        "steps": "all steps are done",
        "patience": "no validation was better for as long as was asked",
        "minutes": "the time was over",
        "stopped": "it was stopped, and can go on",
        "pruned": "a search ended it, since others were better",
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
            f"{speed:.4g} samples a second, data included; the network alone, without waiting for "
            f"data, {alone:.4g} ({share:.0%})."
        ]
    last = run.steps[-1] if run.steps else None
    if last is None or not last["seconds"]:
        return []
    return [f"{last['samples'] / last['seconds']:.4g} samples a second so far, data included."]


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
        Picture(f"samples-{at:07d}", f"Step {at}, {_and(names)}", run.pictures[at].read_bytes())
        for at, names in sorted(called.items())
    ]


def _and(names: Sequence[str]) -> str:
    *before, last = names
    return f"the {', '.join(before)} and {last}" if before else f"the {last}"


SCORES: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "psnr": ("PSNR, dB", "{:.2f}".format),
    "gain_psnr": ("PSNR after the best gain, dB", "{:.2f}".format),
    "ssim": ("SSIM", "{:.4f}".format),
    "average_precision": ("average precision", "{:.4f}".format),
    "micro_f1": ("F1, micro", "{:.4f}".format),
    "macro_f1": ("F1, macro", "{:.4f}".format),
    "harmonic_f1": ("F1, harmonic", "{:.4f}".format),
    "loss": ("loss", "{:.4g}".format),
}
"""Columns of the table of scores, of which a restorer's and a classifier's run have some."""


def scores(run: RunFolder) -> Table:
    """Return the scores of the first, best and last validation, and the blurred images' if any."""
    if not run.validations:
        return []
    first, last = run.validations[0], run.validations[-1]
    columns = {name: said for name, said in SCORES.items() if name in last}
    blurred = {name: last[f"blurred_{name}"] for name in columns if f"blurred_{name}" in last}
    rows: list[tuple[str, Mapping[str, float]]] = [("blurred", blurred)] if blurred else []
    shown = [("first", first), ("best", run.best or last), ("last", last)]
    rows += [(f"{name}, step {row['step']:.0f}", row) for name, row in shown]
    return [
        ["", *(title for title, _ in columns.values())],
        *(
            [name, *(said(row[one]) if one in row else "" for one, (_, said) in columns.items())]
            for name, row in rows
        ),
    ]


def environment(run: RunFolder) -> Table:
    """Return what made the run, a line each."""
    rows = [["", ""]]
    for name, value in run.environment.items():
        rows.append([name, _words(value)])
    return rows[:1] + [row for row in rows[1:] if row[1]]


def _words(value: object) -> str:
    """Return a value, or what a table holds, without its brackets."""
    if not isinstance(value, Mapping):
        return str(value)
    return ", ".join(f"{one} {_words(said)}" for one, said in value.items() if said != "")


def _sections(
    run: RunFolder, curves: Sequence[Picture], samples: Sequence[Picture]
) -> list[Section]:
    shown = {
        "Scores": html_page.table(scores(run)),
        "Curves": "\n".join(html_page.picture(one.png, one.caption, one.caption) for one in curves),
        "Samples": "\n".join(
            [
                *html_page.paragraphs([CAPTION] if samples else []).splitlines(),
                *(html_page.picture(one.png, one.caption, one.caption) for one in samples),
            ]
        ),
        "Configuration": f"<pre>{html.escape(run.toml)}</pre>",
        "Environment": html_page.table(environment(run), texts=2),
    }
    return [Section(title, inner) for title, inner in shown.items()]


def _markdown(
    run: RunFolder,
    curves: Sequence[Picture],
    samples: Sequence[Picture],
    names: Mapping[str, str],
) -> str:
    def shown(one: Picture) -> str:
        return f"{one.caption}\n\n![{one.name}]({names[one.name].replace(' ', '%20')})"

    parts = [f"# {run.name}", "\n".join(f"- {one}" for one in sentences(run))]
    if run.validations:
        parts += ["## Scores", narrow_markdown(scores(run)).rstrip()]
    if curves:
        parts += ["## Curves", *map(shown, curves)]
    if samples:
        parts += ["## Samples", CAPTION, *map(shown, samples)]
    parts += ["## Configuration", f"```toml\n{run.toml.rstrip()}\n```"]
    parts += ["## Environment", narrow_markdown(environment(run), words=(0, 1)).rstrip()]
    return "\n\n".join(parts) + "\n"
