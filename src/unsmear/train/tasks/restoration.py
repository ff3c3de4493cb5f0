"""Teaching a network to restore."""

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
class Restoring:
    """A restorer, alone or beside a critic; see `engine.task.Task`."""

    run: Run
    data: Dataset[Sample]
    checked: list[Sample]
    content: Content
    learner: Learner
    main: str = RESTORER

    @classmethod
    def open(cls, run: Run, device: torch.device, begins: bool) -> Restoring:
        """Return the task of a run; raises what `train.run.open_task` does."""
        network = build.network(run, begins=begins)
        content = build.content(run, device)
        data = open_training(run.data, run.seed, network.channels)
        kept_aside = open_validation(run.data, run.seed, network.channels)
        checked = [kept_aside.draw(0, index) for index in range(len(kept_aside))]
        return cls(run, data, checked, content, build.learner(run, network, content))

    def validate(self, device: torch.device) -> Validation:
        """Return the scores of the restored and of the blurred images."""
        return validate(
            self.learner.networks[RESTORER],
            self.checked,
            self.content,
            device,
            self.run.data.batch,
            self.run.log.pictures,
        )

    def card(self) -> dict[str, Any]:
        """Return what a restorer's card has."""
        return {"conserves_light": self.data.conserves_flux}
