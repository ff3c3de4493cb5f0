"""What is refused before any worker is started."""

import importlib.util
from pathlib import Path

import pytest

from unsmear import cluster
from unsmear.cluster import HERE, Where
from unsmear.errors import MissingExtra, OptionError


def test_one_process_needs_no_dask(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with cluster.opened(HERE) as workers:
        assert list(workers.map_tasks(str, iter([1, 2]))) == ["1", "2"]


@pytest.mark.parametrize(
    "where", [Where(2), Where(scheduler="tcp://here:1"), Where(slurm=Path("jobs.toml"))]
)
def test_without_the_extra_it_is_named(where, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtra, match=r"^--\w+ needs Dask: pip install 'unsmear\[cluster\]'\.$"
    ):
        where.check()


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (Where(0), "workers must be 1 or more, got 0."),
        (Where(2, "tcp://here:1"), "--workers and --scheduler contradict each other"),
        (Where(scheduler="tcp://here:1", slurm=Path("x")), "--scheduler and --slurm contradict"),
    ],
)
def test_what_contradicts_is_refused(where, sentence):
    with pytest.raises(OptionError, match=sentence):
        where.check()


def test_a_dashboard_needs_its_package(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bokeh" else name)
    with pytest.raises(MissingExtra, match=r"^--dashboard needs Bokeh: pip install bokeh\.$"):
        Where(2, dashboard=True).check()
