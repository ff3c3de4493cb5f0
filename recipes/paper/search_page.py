"""Random search against grid search as Markdown and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import best_so_far
from formats import interval, table
from unsmear.evaluate import BLURRED, Line
from unsmear.report.figure import new_figure, save
from unsmear.train.config.restorer import Run

BAND = (0.05, 0.95)
"""Quantiles between which nine of ten searches are."""
NEAR = 0.1
"""What counts as near the best score, dB."""


@dataclass(frozen=True)
class Trial:
    """One trial of a search.

    name: of its folder. values: of the options that are searched. score: the best validation PSNR,
    dB. minutes: processor time of its training.
    """

    name: str
    values: Mapping[str, float]
    score: float
    minutes: float


@dataclass(frozen=True)
class Facts:
    """What the page is made of.

    searched: the options and the grid's values. grid, random: the trials in their order; of the
    random ones, so many as the grid has points make a search. run: the options of every trial.
    environment: of the training. tested: scores on the test images of the blurred images and of the
    best trial of each of `searches`.
    """

    searched: Mapping[str, Sequence[float]]
    grid: Sequence[Trial]
    random: Sequence[Trial]
    run: Run
    environment: Mapping[str, Any]
    tested: Mapping[str, Line]

    @property
    def searches(self) -> dict[str, Sequence[Trial]]:
        """Return the trials of each search by its name."""
        size = len(self.grid)
        parts = [self.random[first : first + size] for first in range(0, len(self.random), size)]
        return {"grid": self.grid} | {f"random {n}": part for n, part in enumerate(parts, 1)}


def best(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the highest score; of equal ones the first."""
    return max(trials, key=lambda trial: trial.score)


def write(facts: Facts, command: str) -> str:
    """Return the page."""
    parts = [
        "# Random search against grid search",
        f"    {command}",
        _words(facts),
        _outcome(facts),
        "![best validation PSNR so far](pictures/search.png)",
        "## What each search found",
        _found(facts),
        "## The best score so far",
        _curves(facts),
        "## Which option matters",
        _effects(facts),
        "## What was scaled down",
        _scaled(facts),
    ]
    return "\n\n".join(parts) + "\n"


def _words(facts: Facts) -> str:
    size, several = len(facts.grid), len(facts.searches) - 1
    return (
        "The paper searched its hyperparameters at random, not on a grid, by Bergstra and Bengio "
        f"(JMLR 2012). Here `unsmear search dcae` does both at the same number of trials, {size}: "
        "a grid of all combinations of its values, and random draws between the grid's ends, "
        f"{several} times. All trials train for {facts.run.stop.steps} steps from the same seed on "
        "the same images, so that they differ in the searched options alone. The score is the PSNR "
        f"on {facts.run.data.validation} validation images."
    )


def _outcome(facts: Facts) -> str:
    """Return in sentences which search is ahead."""
    size = len(facts.grid)
    top, scores = best(facts.grid).score, _scores(facts.random)
    random, share = best_so_far.mean(scores, size), best_so_far.share_above(scores, size, top)
    third = size // 3
    early = best_so_far.mean(scores, third) - best_so_far.mean(_scores(facts.grid), third)
    return (
        f"**After all {size} trials** the grid's best has {top:.2f} dB and random search's "
        f"{random:.2f} dB in the mean ({random - top:+.2f} dB); {share:.0%} of the random searches "
        f"end above the grid. **After {third} trials**, in random order, random search is "
        f"{early:+.2f} dB from the grid."
    )


def _found(facts: Facts) -> str:
    rows = []
    for name, trials in facts.searches.items():
        top = best(trials)
        values = [f"{top.values[option]:.2g}" for option in facts.searched]
        minutes = sum(trial.minutes for trial in trials)
        tested = interval(facts.tested[name].psnr)
        rows.append((name, str(len(trials)), f"{minutes:.2f}", f"{top.score:.2f}", *values, tested))
    head = (
        "search", "trials", "minutes of processor time", "best validation PSNR, dB",
        *facts.searched, "its PSNR on the test images, dB",
    )  # fmt: skip
    blurred = facts.tested[BLURRED]
    return (
        f"{table(head, rows)}\n\nThe blurred test images, {blurred.images} of them, have "
        f"{interval(blurred.psnr)} dB. The intervals are 95 % over the images."
    )


def _curves(facts: Facts) -> str:
    size, scores = len(facts.grid), {"grid": _scores(facts.grid), "random": _scores(facts.random)}
    minutes = {
        "grid": np.mean([trial.minutes for trial in facts.grid]),
        "random": np.mean([trial.minutes for trial in facts.random]),
    }
    rows = [
        (str(trials), *(
            cell
            for name in scores
            for cell in (f"{trials * minutes[name]:.2f}", _spread(scores[name], trials))
        ))
        for trials in sorted({1, 2, 4, 8, size // 2, size} - {0})
        if trials <= size
    ]  # fmt: skip
    head = ("trials", "minutes, grid", "grid, dB", "minutes, random", "random, dB")
    near = {name: _needed(values, size) for name, values in scores.items()}
    return (
        f"{table(head, rows)}\n\nMeans, and in brackets where nine of ten searches are. **The "
        f"grid**: its {size} trials in all orders, since a grid has none of its own; at the end "
        "nothing is left to chance. **Random**: all choices of so many of the "
        f"{len(facts.random)} random trials, which were drawn independently; the mean is unbiased "
        "for a random search of that length, the range is a little too narrow at the end, for the "
        "choices share trials. Both are exact sums over all choices, not drawn. To be within "
        f"{NEAR:g} dB of its own end, the mean of the grid takes {near['grid']} trials and that of "
        f"random search {near['random']}."
    )


def _needed(scores: Sequence[float], size: int) -> int:
    """Return the trials after which the mean best score is near that of a whole search."""
    end = best_so_far.mean(scores, size)
    return next(n for n in range(1, size + 1) if best_so_far.mean(scores, n) >= end - NEAR)


def _effects(facts: Facts) -> str:
    rows = [
        (
            option,
            f"{effect(facts.grid, option):.0%}",
            ", ".join(f"{value:g}" for value in values),
            *(str(len({trial.values[option] for trial in trials}))
              for trials in (facts.grid, facts.searches["random 1"])),
        )
        for option, values in facts.searched.items()
    ]  # fmt: skip
    head = (
        "option", "share of the variance", "the grid's values", "values tried, grid",
        "values tried, random",
    )  # fmt: skip
    return (
        f"{table(head, rows)}\n\nThe share of the grid's variance in PSNR that the mean of each "
        "value explains (its main effect); the rest is interaction. Bergstra and Bengio's argument "
        "is the last two columns: where few options matter, a grid spends its trials on the same "
        "few values of them."
    )


def effect(trials: Sequence[Trial], option: str) -> float:
    """Return the share of the scores' variance that the means of an option's values explain."""
    scores = np.array(_scores(trials))
    values = np.array([trial.values[option] for trial in trials])
    means = np.array([scores[values == value].mean() for value in values])
    return float(means.var() / scores.var()) if scores.var() else 0.0


def _scaled(facts: Facts) -> str:
    run, data = facts.run, facts.environment["data"]
    filters = ", ".join(map(str, run.options["filters"]))
    return (
        f"The network is the paper's DCAE with {filters} filters (96, 128, 256), trained on "
        f"{data['pairs']} drawn fields (4000) of {run.data.size}x{run.data.size} pixels (256x256), "
        f"blurred by the paper's recipe, {run.data.batch} at a time (32), for {run.stop.steps} "
        "steps (12,500 at most). The loss is Charbonnier's instead of VGG16's features. Trained on "
        f"{facts.environment['machine']}, one thread. The paper does not say what it searched, in "
        "which ranges, nor in how many trials. So the table says how two ways to search compare on "
        "one problem of this kind, and not which options are best for the paper's network."
    )


def draw(path: Path, facts: Facts) -> None:
    """Write the curves of the best score so far, over the trials and over processor time."""
    figure = new_figure(9, 3.6, 110)
    panels = figure.subplots(1, 2, sharey=True)
    numbers = np.arange(1, len(facts.grid) + 1)
    for name, trials in (("grid", facts.grid), ("random", facts.random)):
        scores, colour = _scores(trials), {"grid": "C0", "random": "C1"}[name]
        means = [best_so_far.mean(scores, n) for n in numbers]
        low, high = ([best_so_far.quantile(scores, n, q) for n in numbers] for q in BAND)
        minutes = numbers * np.mean([trial.minutes for trial in trials])
        for axes, across in zip(panels, (numbers, minutes), strict=True):
            axes.plot(across, means, c=colour, label=f"{name}, mean of all orders")
            axes.fill_between(across, low, high, color=colour, alpha=0.2, lw=0)
    for name, trials in facts.searches.items():
        if name != "grid":
            so_far = np.maximum.accumulate(_scores(trials))
            panels[0].plot(numbers, so_far, "C1", lw=0.8, ls=":", label=f"{name} as it came")
    panels[0].set(xlabel="trials", ylabel="best validation PSNR so far, dB")
    panels[1].set(xlabel="minutes of processor time")
    panels[0].legend(fontsize=7)
    save(figure, path)


def _scores(trials: Sequence[Trial]) -> list[float]:
    return [trial.score for trial in trials]


def _spread(scores: Sequence[float], trials: int) -> str:
    low, high = (best_so_far.quantile(scores, trials, share) for share in BAND)
    return f"{best_so_far.mean(scores, trials):.2f} ({low:.2f} to {high:.2f})"
