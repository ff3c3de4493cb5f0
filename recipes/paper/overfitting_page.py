"""What the paper's DCAE overfits to, as Markdown and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diagnoses import PERIODS, Diagnosis
from formats import table
from history import Columns, History
from remedies import Kind, Remedy
from unsmear.report.figure import new_figure, save


@dataclass(frozen=True)
class Entry:
    """A training that has ended.

    found: its history. training: scores of the training images after each validation, by column.
    diagnosis: of its last weights, the mean over the validation images.
    """

    remedy: Remedy
    found: History
    training: Columns
    diagnosis: Diagnosis

    @property
    def validation(self) -> Columns:
        """Return the scores of the validation images after each validation, by column."""
        return self.found.validation

    @property
    def best(self) -> int:
        """Return which validation has the highest PSNR."""
        return int(np.argmax(self.validation["psnr"]))

    @property
    def best_psnr(self) -> float:
        """Return the highest validation PSNR, dB."""
        return self.validation["psnr"][self.best]

    @property
    def gap(self) -> float:
        """Return how far the last training PSNR is above the last validation PSNR, dB."""
        return self.training["psnr"][-1] - self.validation["psnr"][-1]


def write(entries: Sequence[Entry], command: str) -> str:
    """Return the page."""
    parts = [
        "# Overfitting of the DCAE",
        f"    {command}",
        _words(entries[0]),
        _outcome(entries),
        "![losses and PSNR of the training and the validation images](pictures/overfitting.png)",
        "## Each measure alone",
        _scores(entries),
        "## What the images show",
        _diagnoses(entries),
        "## What was scaled down",
        _scaled(entries),
    ]
    return "\n\n".join(parts) + "\n"


def _words(baseline: Entry) -> str:
    return (
        "The paper says that its DCAE overfits, and that early stopping, a rate that falls on a "
        "plateau, dropout, L2 and fewer filters did not help (18.7227 dB, SSIM 0.2650). Here the "
        f"DCAE as in the paper (`dcae.toml`) trains on {baseline.found.images} images, then with "
        "each of these measures alone, and with each cause removed that `paper-table-5.md` names: "
        "transposed convolutions, which draw checkerboards; a perceptual loss, which hardly sees "
        "brightness; and, what its corrected version changes beside them, a network that has to "
        "draw the whole image through three poolings instead of a correction to the blurred one. "
        "Training images are scored as the validation images are, without dropout, by the same "
        "weights."
    )


def _outcome(entries: Sequence[Entry]) -> str:
    """Return in sentences how large the overfitting is, and what each measure changes."""
    baseline = entries[0]
    seen, unseen = (columns["loss"][-1] for columns in (baseline.training, baseline.validation))
    own, others = (
        columns["blurred_psnr"][0] for columns in (baseline.training, baseline.validation)
    )
    first, again = (entry.best_psnr for entry in _of(entries, "baseline"))
    return "\n".join((
        f"- **How far it overfits**: at the end the baseline's loss on the validation images is "
        f"{unseen / seen:.1f} times that on the training images, its PSNR {baseline.gap:.2f} dB "
        "lower.",
        f"- **What overfitting can explain**: the images that it learned by heart it restores to "
        f"{baseline.training['psnr'][-1]:.2f} dB (blurred they have {own:.2f} dB), others to "
        f"{baseline.best_psnr:.2f} dB at best (blurred {others:.2f} dB).",
        f"- **The paper's measures** change the best validation PSNR by "
        f"{_changes(entries, 'countermeasure')} dB; another seed by {again - first:+.2f} dB.",
        f"- **More images** change it by {_changes(entries, 'more images')} dB.",
        f"- **The causes**, removed, change it by {_changes(entries, 'cause')} dB.",
    ))  # fmt: skip


def _changes(entries: Sequence[Entry], kind: Kind) -> str:
    """Return the differences in best PSNR from the baseline, with their names."""
    start = entries[0].best_psnr
    return (
        ", ".join(
            f"{entry.best_psnr - start:+.2f} ({entry.remedy.name})" for entry in _of(entries, kind)
        )
        or "(none has ended)"
    )


def _of(entries: Sequence[Entry], kind: Kind) -> list[Entry]:
    return [entry for entry in entries if entry.remedy.kind == kind]


def _scores(entries: Sequence[Entry]) -> str:
    start, term = entries[0], _term(entries[0])
    rows = [("blurred", "", *_blurred(start.validation), *[""] * 7)]
    for entry in entries:
        seen, unseen = entry.training, entry.validation
        rows.append((
            f"{entry.remedy.name}: {entry.remedy.words}",
            entry.remedy.kind,
            f"{entry.best_psnr:.2f}",
            f"{unseen['ssim'][entry.best]:.3f}",
            f"{entry.best_psnr - start.best_psnr:+.2f}",
            f"{unseen['psnr'][-1]:.2f}",
            f"{unseen['ssim'][-1]:.3f}",
            f"{seen['psnr'][-1]:.2f}",
            f"{entry.gap:+.2f}",
            _last(seen, term),
            _last(unseen, term),
        ))  # fmt: skip
    head = (
        "", "", "best validation PSNR, dB", "its SSIM", "against baseline, dB",
        "last validation PSNR, dB", "its SSIM", "training PSNR, dB", "gap, dB",
        f"{term} loss, training", "validation",
    )  # fmt: skip
    return (
        f"{table(head, rows)}\n\nThe gap is between the last weights' PSNR on the training and on "
        "the validation images. The best validation is the one with the highest PSNR, so early "
        "stopping cannot gain there; where it helps, its last validation PSNR is higher."
    )


def _blurred(columns: Columns) -> tuple[str, str]:
    return f"{columns['blurred_psnr'][0]:.2f}", f"{columns['blurred_ssim'][0]:.3f}"


def _term(baseline: Entry) -> str:
    """Return the one term of the baseline's loss, which other trainings may have too."""
    weights = baseline.found.run.loss.model_dump(exclude={"outputs"})
    return next(name for name, weight in weights.items() if weight)


def _last(columns: Columns, name: str) -> str:
    return f"{columns[name][-1]:.2f}" if name in columns else ""


def _diagnoses(entries: Sequence[Entry]) -> str:
    rows = [
        (
            entry.remedy.name,
            f"{entry.diagnosis.brightness:.3f}",
            f"{100 * (entry.diagnosis.low or 0):.0f} %",
            *(f"{power:+.1f}" for power in entry.diagnosis.grids),
        )
        for entry in entries
    ]
    grids = (f"grid of {period} px, dB" for period in PERIODS)
    return (
        f"{table(('', 'brightness', 'low frequencies', *grids), rows)}\n\nThe last weights on the "
        "validation images, as in `paper-table-5.md`. Brightness: the sum of the light over the "
        "sharp image's. Low frequencies: the share of the squared error that is left after a "
        "Gaussian of 4 pixels. Grid: the power at the frequencies of a checkerboard over that "
        "beside them."
    )


def _scaled(entries: Sequence[Entry]) -> str:
    baseline = entries[0]
    run = baseline.found.run
    steps, epochs = int(baseline.found.summary["step"]), baseline.validation["epoch"][-1]
    rows = [
        (
            entry.remedy.name,
            str(entry.found.images),
            str(int(entry.found.summary["step"])),
            f"{entry.validation['epoch'][-1]:.0f}",
            f"{float(entry.found.summary['processor_seconds']) / 60:.2f}",
        )
        for entry in entries
    ]
    head = ("", "training images", "steps", "epochs", "minutes of processor time")
    return (
        f"{baseline.found.images} drawn fields to train on (4000) of "
        f"{run.data.size}x{run.data.size} pixels (256x256), blurred by the paper's recipe, "
        f"{run.data.batch} at a time (32), for {steps} steps and {epochs:.0f} epochs (12,500 and "
        f"100 at most), {run.data.validation} to validate on; filters, loss and optimiser are the "
        "paper's. Few images overfit sooner, so the gap here is no measure of that in the paper, "
        "while the measures against it have more to gain. The paper does not say how strong its "
        "dropout and L2 were, how patient it stopped, nor how many filters fewer it took; ours are "
        f"common values. Trained on {baseline.found.environment['machine']}, one thread. One run "
        f"each, and two seeds of the baseline.\n\n{table(head, rows)}"
    )


def draw(path: Path, entries: Sequence[Entry]) -> None:
    """Write the curves: a row of PSNR, a row of the loss; a column for each kind of measure."""
    baseline, term = entries[0], _term(entries[0])
    columns = {
        "countermeasures of the paper": _of(entries, "countermeasure"),
        "more images, another seed": [
            *_of(entries, "more images"),
            *_of(entries, "baseline")[1:],
        ],
        "causes removed": _of(entries, "cause"),
    }
    figure = new_figure(12, 6.4, 100)
    panels = figure.subplots(2, len(columns), sharex=True, sharey="row")
    for number, (title, chosen) in enumerate(columns.items()):
        psnr, loss = panels[:, number]
        for place, entry in enumerate([baseline, *chosen]):
            colour = "k" if entry is baseline else f"C{place - 1}"
            _curve(psnr, entry, "psnr", colour)
            _curve(loss, entry, term, colour)
        psnr.axhline(baseline.validation["blurred_psnr"][0], c="grey", ls="--", lw=1)
        psnr.set(title=title)
        psnr.legend(fontsize=7)
        loss.set(xlabel="steps", yscale="log")
    panels[0, 0].set(ylabel="PSNR, dB")
    panels[1, 0].set(ylabel=f"{term} loss")
    figure.suptitle("validation images: solid; training images: dotted; blurred: grey", fontsize=9)
    save(figure, path)


def _curve(axes, entry: Entry, name: str, colour: str) -> None:
    for columns, style, label in (
        (entry.validation, "-", entry.remedy.name),
        (entry.training, ":", None),
    ):
        if name in columns:
            axes.plot(columns["step"], columns[name], style, c=colour, label=label, lw=1.3)
