"""Work that processes share."""

import os

import pytest

from unsmear.cli.jobs.progress import map_with_progress
from unsmear.errors import UnsmearError


@pytest.mark.slow
def test_a_killed_worker_is_a_sentence():
    with pytest.raises(UnsmearError, match=r"worker process was ended .* fewer --workers\.$"):
        list(map_with_progress(os._exit, [9] * 20, workers=2))
