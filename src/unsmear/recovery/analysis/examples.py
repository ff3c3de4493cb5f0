"""Choice of example images: where the best restorer helped most or least."""

from __future__ import annotations

import numpy as np

from unsmear.evaluate import BLURRED, SHARP
from unsmear.recovery.analysis.results import Results


def choose(results: Results) -> dict[str, str]:
    """Return up to three different pairs, by a caption of what they show; none without labels.

    Each has the largest count of its kind; of equal counts the first name is taken.
    """
    aligned = results.aligned
    if aligned is None or not results.best:
        return {}
    sharp = aligned.predicted[SHARP]
    changed = {
        name: (predicted != sharp).sum(axis=1) for name, predicted in aligned.predicted.items()
    }
    best = changed[results.best]
    worst = max(aligned.restorers[2:], key=lambda name: int(changed[name].sum()))
    counts_by_caption = {
        f"most regained by {results.best}": changed[BLURRED] - best,
        f"most changed by {results.best}": best,
        f"most changed by {worst}": changed[worst],
    }
    chosen: dict[str, str] = {}
    for caption, counts in counts_by_caption.items():
        for at in np.argsort(-counts, kind="stable"):
            if aligned.cases[at] not in chosen and counts[at] > 0:
                chosen[aligned.cases[at]] = caption
                break
    return chosen
