"""Random search against grid search as Markdown and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from best_so_far import Pool
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

    searched: the options and the grid's values. found: the trials of "grid" and of "random", as
    many of each. run: the options of every trial. environment: of the training. tested: scores on
    the test images of the blurred images and of the best trial of each search.
    """

    searched: Mapping[str, Sequence[float]]
    found: Mapping[str, Sequence[Trial]]
    run: Run
    environment: Mapping[str, Any]
    tested: Mapping[str, Line]

    @property
    def size(self) -> int:
        """Return the number of trials of each search."""
        return len(self.found["grid"])

    @property
    def pools(self) -> dict[str, Pool]:
        """Return the scores of each search, as the curves draw from them."""
        return {
            name: Pool(_scores(trials), name == "random") for name, trials in self.found.items()
        }


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
    return (
        "The paper searched its hyperparameters at random, not on a grid, by Bergstra and Bengio "
        f"(JMLR 2012). Here `unsmear search dcae` does both at the same number of trials, "
        f"{facts.size}: a grid of all combinations of its values, and random draws between the "
        f"grid's ends. All trials train for {facts.run.stop.steps} steps from the same seed on "
        "the same images, so that they differ in the searched options alone. The score is the PSNR "
        f"on {facts.run.data.validation} validation images."
    )


def _outcome(facts: Facts) -> str:
    """Return in sentences which search is ahead."""
    size, third, pools = facts.size, facts.size // 3, facts.pools
    grid, random = (best(trials).score for trials in facts.found.values())
    early = pools["random"].mean(third) - pools["grid"].mean(third)
    values = best(facts.found["grid"]).values
    ends = [
        f"{option} ({values[option]:g})"
        for option, points in facts.searched.items()
        if values[option] in (points[0], points[-1])
    ]
    where = (
        f" The grid's best is at an end of the range of {' and of '.join(ends)}, which a grid "
        "always tries and a random draw never meets."
    )
    return (
        f"**After all {size} trials** the grid's best has {grid:.2f} dB and random search's "
        f"{random:.2f} dB ({random - grid:+.2f} dB). **After {third} trials** random search is "
        f"{early:+.2f} dB from the grid, in the mean.{where if ends else ''}"
    )


def _found(facts: Facts) -> str:
    rows = []
    for name, trials in facts.found.items():
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
    minutes = {
        name: float(np.mean([trial.minutes for trial in trials]))
        for name, trials in facts.found.items()
    }
    rows = [
        (str(trials), *(
            cell
            for name, pool in facts.pools.items()
            for cell in (f"{trials * minutes[name]:.2f}", _spread(pool, trials))
        ))
        for trials in sorted({1, 2, 4, 8, facts.size // 2, facts.size} - {0})
        if trials <= facts.size
    ]  # fmt: skip
    head = ("trials", "minutes, grid", "grid, dB", "minutes, random", "random, dB")
    near = {name: _needed(pool, facts.size) for name, pool in facts.pools.items()}
    return (
        f"{table(head, rows)}\n\nMeans, and in brackets where nine of ten searches are. **The "
        f"grid**: its {facts.size} trials in all orders, since a grid has none of its own; at the "
        "end nothing is left to chance. **Random**: searches that draw each trial anew, with "
        f"replacement, from the {facts.size} random trials that were made (a bootstrap); they "
        "cannot find more than the best of these, so the mean is a little low and the range a "
        "little narrow at the end. Both are exact sums over all such searches, not drawn. Minutes "
        f"are processor time. To be within {NEAR:g} dB of its own end, the mean of the grid takes "
        f"{near['grid']} trials and that of random search {near['random']}."
    )


def _needed(pool: Pool, size: int) -> int:
    """Return the trials after which the mean best score is near that of a whole search."""
    return next(n for n in range(1, size + 1) if pool.mean(n) >= pool.mean(size) - NEAR)


def _effects(facts: Facts) -> str:
    grid = facts.found["grid"]
    rows = [
        (
            option,
            f"{effect(grid, option):.0%}",
            ", ".join(f"{value:g}" for value in values),
            *(str(len({trial.values[option] for trial in trials}))
              for trials in facts.found.values()),
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
        "steps (12,500 at most); so short a training need not reach the blurred images. The loss "
        "is Charbonnier's instead of VGG16's features. Trained on "
        f"{facts.environment['machine']}, one thread. The paper does not say what it searched, in "
        "which ranges, nor in how many trials. So the table says how two ways to search compare on "
        "one problem of this kind, and not which options are best for the paper's network."
    )


def draw(path: Path, facts: Facts) -> None:
    """Write the curves of the best score so far, over the trials and over processor time."""
    figure = new_figure(9, 3.6, 110)
    panels = figure.subplots(1, 2, sharey=True)
    numbers = np.arange(1, facts.size + 1)
    labels = {"grid": "grid in all orders", "random": "random, drawn anew"}
    for colour, (name, pool) in zip(("C0", "C1"), facts.pools.items(), strict=True):
        means = [pool.mean(n) for n in numbers]
        low, high = ([pool.quantile(n, share) for n in numbers] for share in BAND)
        minutes = numbers * np.mean([trial.minutes for trial in facts.found[name]])
        for axes, across in zip(panels, (numbers, minutes), strict=True):
            axes.plot(across, means, c=colour, label=f"{labels[name]}, mean and 90 %")
            axes.fill_between(across, low, high, color=colour, alpha=0.2, lw=0)
    so_far = np.maximum.accumulate(_scores(facts.found["random"]))
    panels[0].plot(numbers, so_far, "C1", lw=0.8, ls=":", label="random, as the trials came")
    panels[0].set(xlabel="trials", ylabel="best validation PSNR so far, dB")
    panels[1].set(xlabel="minutes of processor time")
    panels[0].legend(fontsize=7)
    save(figure, path)


def _scores(trials: Sequence[Trial]) -> list[float]:
    return [trial.score for trial in trials]


def _spread(pool: Pool, trials: int) -> str:
    low, high = (pool.quantile(trials, share) for share in BAND)
    return f"{pool.mean(trials):.2f} ({low:.2f} to {high:.2f})"
