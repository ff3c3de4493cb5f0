"""Restoration task: train a network to restore blurred images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from unsmear.train.config.restorer import Run
from unsmear.train.data.dataset import Dataset
from unsmear.train.data.restoration import Sample, open_training, open_validation
from unsmear.train.engine import build
from unsmear.train.engine.learner import RESTORER, Content, Learner
from unsmear.train.engine.task import Validation
from unsmear.train.tasks.validation import validate


@dataclass
class RestorationTask:
    """A restorer, alone or beside a critic; see `engine.task.Task`."""

    run: Run
    data: Dataset[Sample]
    validation: list[Sample]
    content: Content
    learner: Learner
    main: str = RESTORER

    @classmethod
    def open(cls, run: Run, device: torch.device, new: bool) -> RestorationTask:
        """Return the task of a run; raises as `train.run.open_task` does."""
        network = build.network(run, new=new)
        content = build.content(run, device)
        data = open_training(run.data, run.seed, network.channels)
        held_out = open_validation(run.data, run.seed, network.channels)
        validation = [held_out.draw(0, index) for index in range(len(held_out))]
        return cls(run, data, validation, content, build.learner(run, network, content))

    def validate(self, device: torch.device) -> Validation:
        """Return the scores of the restored and of the blurred images."""
        return validate(
            self.learner.networks[RESTORER],
            self.validation,
            self.content,
            device,
            self.run.data.batch,
            self.run.log.pictures,
        )

    def card(self) -> dict[str, Any]:
        """Return the entries of a restorer's card."""
        return {"conserves_light": self.data.conserves_flux}
