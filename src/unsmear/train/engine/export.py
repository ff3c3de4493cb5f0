"""Exported weights of a run, `best` and `last`, each with its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unsmear import models
from unsmear.checkpoints import checkpoint
from unsmear.environment import revision
from unsmear.errors import WeightsError
from unsmear.train.config import options
from unsmear.train.engine import folder as folders
from unsmear.train.engine.job import Job
from unsmear.train.engine.learner import unwrapped

BEST, LAST = "best", "last"


def export(job: Job, name: str) -> None:
    """Write the weights of a run's main network under `name`, with their card."""
    if job.first:
        network = unwrapped(job.task.learner.networks[job.task.main])
        checkpoint.save(job.folder / name, network.state_dict(), _card(job, name, network))


def repair(job: Job) -> None:
    """Export weights again where a kill came between saving the state and exporting them."""
    state = job.state
    for name, step in ((BEST, state.best_step), (LAST, state.validated)):
        if job.first and state.step and state.step == step:
            try:
                intact = checkpoint.load(job.folder / name).card.get("step") == step
            except WeightsError:
                intact = False
            if not intact:
                job.task.validate(job.fabric.device)  # its results may belong on the card
                export(job, name)


def _card(job: Job, name: str, network: Any) -> dict[str, Any]:
    return {
        "name": f"{job.folder.resolve().name}-{name}",
        "network": job.run.model,
        "options": models.options_of(job.run.model) | job.run.options,
        "scaling": {"values": list(network.values)},
        **job.task.card(),
        "data": job.task.data.describe(),
        "begun_with": folders.read_json(job.folder / folders.ENVIRONMENT).get("begun_with"),
        "licence": job.run.licence,
        "step": job.state.step,
        "scores": {score: round(value, 5) for score, value in job.state.scores.items()},
        "training": named_files(options.dump(job.run)),
        "revision": revision(),
        "machine": folders.machine(job.fabric.device),
    }


def named_files(training: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with files by name only: on other machines their folders differ."""
    named = {**training, "data": dict(training["data"])}
    for table, name in (("data", "pairs"), ("perceptual", "weights")):
        if name in named.get(table, ()):
            named[table] = {**named[table], name: Path(named[table][name]).name}
    for name in named["data"].keys() & {"sharp", "images"}:
        named["data"][name] = [Path(path).name for path in named["data"][name]]
    if "start" in named:
        named["start"] = "/".join(Path(named["start"]).parts[-2:])
    return named
