"""A training run from its configuration to weights: the loop, and all that watches it."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import torch
from lightning_fabric import Fabric
from torch.optim import Optimizer

from unsmear import models
from unsmear.atomic import write_aside
from unsmear.checkpoints import checkpoint
from unsmear.errors import OptionError, TrainingError, UnsmearError, WeightsError
from unsmear.train.config import options
from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.restorer import Settings
from unsmear.train.data.augment import Augmentation
from unsmear.train.data.dataset import Dataset
from unsmear.train.data.loader import batches
from unsmear.train.engine import build, state
from unsmear.train.engine import folder as folders
from unsmear.train.engine.learner import plain
from unsmear.train.engine.log import Csv, Log, MLflow, TensorBoard
from unsmear.train.engine.loop import Plan, Rate, State, Step, steps
from unsmear.train.tasks.base import Task, Validation
from unsmear.train.tasks.classification import Classifying
from unsmear.train.tasks.restoration import Restoring

Reason = Literal["steps", "patience", "minutes", "stopped", "pruned"]
BEST, LAST, PICTURES = "best", "last", "samples"


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    reason: "steps" for the last one, "patience" for early stopping, "minutes", "stopped" by
    Ctrl-C, "pruned" by who watched. step: the last. best, best_step: of the score that is
    monitored; None before the first validation. samples_per_second, samples_per_second_alone:
    with and without the time in which the network waited for data. seconds: of training.
    blurred: the score of the blurred images; None where the loss is monitored, and of classifiers.
    """

    reason: Reason
    step: int
    best: float | None
    best_step: int
    samples_per_second: float
    samples_per_second_alone: float
    seconds: float
    blurred: float | None = None


class Watcher:
    """Somebody who looks on, such as a progress bar; all of it may be left as it is."""

    def begin(self, step: int, last: int) -> None:
        """The run begins after `step`; `last` is where it ends."""

    def step(self, step: Step) -> None:
        """A step was made."""

    def validation(self, step: int, scores: Mapping[str, float]) -> bool:
        """A validation was made; return whether the run is to end."""
        return False


def train(run: Settings, folder: Path, watcher: Watcher | None = None) -> Summary:
    """Train, or go on, in a folder of its own; return how it ended.

    `docs/how-to/training.md` says what is in the folder.

    Raises OptionError for options or a folder that do not fit, DataError for the data, WeightsError
    for VGG16's, and TrainingError for a loss that is not finite and for memory that ran out.
    """
    fabric = build.fabric(run.machine)
    fabric.launch()
    torch.manual_seed(run.seed)
    begins = not (folder / state.FILE).exists()
    task = open_task(run, fabric.device, begins=begins)
    _open_folder(fabric, run, folder, task.data, begins)
    with build.memory_said(run):
        optimisers = build.set_up(fabric, run, task.learner.networks)
    known = state.load(folder, task.learner.networks, optimisers)
    _check_shared(fabric, folder, known)
    course = _Course(run, folder, fabric, task, optimisers, known)
    with build.memory_said(run):
        return course.run_to_end(watcher or Watcher())


def open_task(run: Any, device: torch.device, *, begins: bool = True) -> Task:
    """Return what a run teaches, with its data opened and its network built.

    run: a `Run` or a `LabelRun`. begins: whether the network needs the weights that it starts from.

    Raises OptionError, DataError and WeightsError for what does not fit together.
    """
    if isinstance(run, LabelRun):
        return Classifying.open(run, device, begins)
    return Restoring.open(run, device, begins)


def _open_folder(
    fabric: Fabric, run: Settings, folder: Path, data: Dataset[Any], begins: bool
) -> None:
    """Open the folder in the first process; where that fails, all of them raise its error."""
    said = ""
    if fabric.is_global_zero:
        try:
            folders.open_folder(folder, run)
            start = build.begun_with(run) if begins else None
            folders.note_environment(folder, data.describe(), run.seed, fabric.device, start)
        except UnsmearError as error:
            said = str(error)
    said = fabric.broadcast(said)
    if said:
        raise OptionError(said)


def _check_shared(fabric: Fabric, folder: Path, known: State) -> None:
    """Raise TrainingError, in all processes, where they do not see the same folder."""
    if fabric.world_size > 1:
        seen: Any = fabric.all_gather(torch.tensor(known.step))
        if len(set(seen.flatten().tolist())) > 1:
            raise TrainingError(
                f"{folder}: the folder must be one that all nodes share, got the steps "
                f"{seen.flatten().tolist()} in them."
            )


@dataclass
class _Course:
    """A run under way, and its consumers: log, validation, checkpoints, the reasons to stop."""

    run: Any  # Settings of either kind, which have more than `Settings` says
    folder: Path
    fabric: Fabric
    task: Task
    optimisers: dict[str, Optimizer]
    state: State
    logs: list[Log] = field(default_factory=list)
    saved: float = field(default_factory=time.monotonic)

    @property
    def samples_a_step(self) -> int:
        """Samples of all devices together."""
        batch: int = self.run.data.batch * self.run.optimiser.accumulate
        return batch * self.fabric.world_size

    @property
    def last(self) -> int:
        """The step after which there is nothing to do."""
        steps: int | None = self.run.stop.steps
        if steps is not None:
            return steps
        epochs: float = self.run.stop.epochs
        return max(1, math.ceil(epochs * len(self.task.data) / self.samples_a_step))

    @property
    def validate_every(self) -> int:
        asked: int | None = self.run.log.validate_every
        return asked or max(1, len(self.task.data) // self.samples_a_step)

    def run_to_end(self, watcher: Watcher) -> Summary:
        """Make the steps that are left, and say how it ended."""
        self._mend_weights()
        watcher.begin(self.state.step, self.last)
        reason = self._ended()
        if reason is None:
            self.logs = self._open_logs()
            try:
                reason = self._go(watcher)
            finally:
                for log in self.logs:
                    log.close()
        return self._summary(reason)

    def _go(self, watcher: Watcher) -> Reason:
        with _interruptible() as interrupted, closing(self._batches()) as parts:
            plan = self._plan()
            learner = self.task.learner
            for step in steps(self.fabric, learner, self.optimisers, parts, plan, self.state):
                self._note(step)
                watcher.step(step)
                reason = self._agreed(self._reason(interrupted), step)
                due = step.number % self.validate_every == 0
                if due or (reason and reason != "stopped"):
                    scores = self._validate()
                    pruned = self.fabric.broadcast(watcher.validation(step.number, scores))
                    reason = reason or self._ended() or ("pruned" if pruned else None)
                elif reason or time.monotonic() - self.saved > 60 * self.run.log.save_minutes:
                    self._save()
                if reason:
                    return reason
        raise RuntimeError("the batches must be endless")

    def _plan(self) -> Plan:
        asked = self.run
        falls = self.last if asked.schedule.name == "cosine" else None
        rate = Rate(asked.schedule.warm, falls)
        return Plan(asked.seed, rate, asked.optimiser.accumulate, asked.optimiser.clip)

    def _batches(self) -> Generator[Any]:
        """Yield the batches from the state's step on, augmented."""
        augment = Augmentation(self.run.augment, self.run.seed)
        drawn = batches(
            self.task.data,
            start=self.state.step * self.run.optimiser.accumulate,
            batch=self.run.data.batch,
            rank=self.fabric.global_rank,
            world=self.fabric.world_size,
            workers=self.run.data.workers,
            device=self.fabric.device,
        )
        with closing(drawn):
            for batch in drawn:
                yield augment(batch, batch.number)

    def _reason(self, interrupted: threading.Event) -> Reason | None:
        """Return why the run ends after this step, validation aside."""
        if self.state.step >= self.last:  # also for who interrupts the last step: all is done
            return "steps"
        if interrupted.is_set():
            return "stopped"
        most = self.run.stop.minutes
        return "minutes" if most is not None and self.state.seconds > 60 * most else None

    def _ended(self) -> Reason | None:
        """Return why there is nothing left to do, if so."""
        if self.state.step >= self.last:
            return "steps"
        patience = self.run.stop.patience
        return "patience" if patience is not None and self.state.stale >= patience else None

    def _agreed(self, reason: Reason | None, step: Step) -> Reason | None:
        """Return the first process's reason: clocks and Ctrl-C differ between processes."""
        if self.fabric.world_size == 1 or reason == "steps":
            return reason
        if step.number % self.run.log.every:
            return None
        agreed: Reason | None = self.fabric.broadcast(reason)
        return agreed

    def _note(self, step: Step) -> None:
        """Add a step to the means, and write them where a row is full."""
        for name, value in step.losses.items():
            self.state.sums[name] = self.state.sums.get(name, 0.0) + value
        self.state.noted += 1
        if step.number % self.run.log.every == 0 or step.number == self.last:
            samples = step.number * self.samples_a_step
            row = {
                "step": step.number,
                "epoch": samples / len(self.task.data),
                "samples": samples,
                "seconds": self.state.seconds,
                "rate": step.rate * self.run.optimiser.rate,
                **{name: total / self.state.noted for name, total in self.state.sums.items()},
            }
            self.state.sums, self.state.noted = {}, 0
            for log in self.logs:
                log.steps(row)

    def _validate(self) -> dict[str, float]:
        """Score the network, judge the scores, and save."""
        found: Validation | None = None
        if self.fabric.is_global_zero:
            found = self.task.validate(self.fabric.device)
        scores: dict[str, float] = self.fabric.broadcast(found.scores if found else {})
        if not math.isfinite(scores["loss"]):  # nor are the weights: keep those that were saved
            raise TrainingError(
                f"step {self.state.step}, validation: the loss must be finite, "
                f"got {scores['loss']}."
            )
        self.state.scores, self.state.validated = scores, self.state.step
        better = self._judge(scores[self.run.stop.monitor])
        epoch = self.state.step * self.samples_a_step / len(self.task.data)
        row = {"step": self.state.step, "epoch": epoch, **scores}
        if found is not None:
            if found.picture is not None:
                written = cv2.imencode(".png", found.picture[..., ::-1])[1].tobytes()
                write_aside(self.folder / PICTURES / f"{self.state.step:07d}.png", written)
            for log in self.logs:
                log.validation(row, found.picture)
        self._save()
        if self.fabric.is_global_zero:
            for name in (LAST, BEST) if better else (LAST,):
                self._export(name)
        return scores

    def _judge(self, score: float) -> bool:
        """Note whether a score is the best, and lower the rate where none was for long."""
        known, schedule = self.state, self.run.schedule
        sign = -1 if self.run.stop.monitor == "loss" else 1
        better = known.best is None or sign * score > sign * known.best
        if better:
            known.best, known.best_step, known.stale, known.flat = score, known.step, 0, 0
        else:
            known.stale, known.flat = known.stale + 1, known.flat + 1
        if schedule.name == "plateau" and known.flat >= schedule.patience:
            known.plateau, known.flat = known.plateau * schedule.factor, 0
        return better

    def _save(self) -> None:
        if self.fabric.is_global_zero:
            state.save(self.folder, self.state, self.task.learner.networks, self.optimisers)
        self.saved = time.monotonic()

    def _mend_weights(self) -> None:
        """Write weights again where a kill came between them and the state that they are of."""
        known = self.state
        for name, step in ((BEST, known.best_step), (LAST, known.validated)):
            if self.fabric.is_global_zero and known.step and known.step == step:
                try:
                    intact = checkpoint.load(self.folder / name).card.get("step") == step
                except WeightsError:
                    intact = False
                if not intact:
                    self.task.validate(self.fabric.device)  # a card may say what it found
                    self._export(name)

    def _export(self, name: str) -> None:
        """Write the weights for users, and their card."""
        network: Any = plain(self.task.learner.networks[self.task.main])
        card = {
            "name": f"{self.folder.resolve().name}-{name}",
            "network": self.run.model,
            "options": models.options_of(self.run.model) | self.run.options,
            "scaling": {"values": list(network.values)},
            **self.task.card(),
            "data": self.task.data.describe(),
            "begun_with": folders.read_json(self.folder / folders.ENVIRONMENT).get("begun_with"),
            "licence": self.run.licence,
            "step": self.state.step,
            "scores": {one: round(value, 5) for one, value in self.state.scores.items()},
            "training": _named(options.dump(self.run)),
            "revision": folders.revision(),
            "machine": folders.machine(self.fabric.device),
        }
        checkpoint.save(self.folder / name, network.state_dict(), card)

    def _open_logs(self) -> list[Log]:
        if not self.fabric.is_global_zero:
            return []
        logs: list[Log] = [Csv(self.folder, self.state.step)]
        if self.run.log.tensorboard:
            logs.append(TensorBoard(self.folder, self.state.step))
        if self.run.log.mlflow:
            logs.append(MLflow(self.folder, folders.flat(options.dump(self.run))))
        return logs

    def _summary(self, reason: Reason) -> Summary:
        known = self.state
        samples = known.step * self.samples_a_step
        summary = Summary(
            reason,
            known.step,
            known.best,
            known.best_step,
            samples / max(known.seconds, 1e-9),
            samples / max(known.seconds - known.waited, 1e-9),
            known.seconds,
            known.scores.get(f"blurred_{self.run.stop.monitor}"),
        )
        if self.fabric.is_global_zero:
            folders.write_json(self.folder / folders.SUMMARY, asdict(summary))
        return summary


def _named(training: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with files by their names: a card goes where their folders do not."""
    named = {**training, "data": dict(training["data"])}
    for table, name in (("data", "pairs"), ("perceptual", "weights")):
        if name in named.get(table, ()):
            named[table] = {**named[table], name: Path(named[table][name]).name}
    for name in named["data"].keys() & {"sharp", "images"}:
        named["data"][name] = [Path(one).name for one in named["data"][name]]
    if "start" in named:
        named["start"] = "/".join(Path(named["start"]).parts[-2:])
    return named


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C sets, so that a step is never left half done; a second one ends
    the program at once. Outside the main thread nothing changes.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(*_: Any) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, stop)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
