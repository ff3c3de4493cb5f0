"""A case in all its forms, restored again, with the labels that were found in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unsmear.errors import DataError
from unsmear.evaluate import Case, Contender, restore_all
from unsmear.recovery.analysis.results import Results
from unsmear.report.recovery_pictures import Example, Shown


def show_case(case: Case, title: str, results: Results, contenders: Sequence[Contender]) -> Example:
    """Return the row of pictures of a case that the results hold.

    Raises what reading and restoring raise, DataError where no classifier was asked.
    """
    aligned = results.aligned
    if aligned is None or case.name not in aligned.cases:
        raise DataError(f"{case.name}: a picture must be of a case with labels, got another.")
    sharp, blurred = case.read()
    place = aligned.cases.index(case.name)
    names = np.asarray(aligned.labels)
    shown = [
        Shown(restorer, image.planes()[0], tuple(names[aligned.found[restorer][place]].tolist()))
        for restorer, image in restore_all(case, sharp, blurred, contenders).images.items()
        if restorer in aligned.found
    ]
    true = tuple(names[aligned.truth[place]].tolist())
    return Example(title, true, tuple(shown), tuple(name.lower() for name in sharp.channels))
