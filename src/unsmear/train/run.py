"""Training runs, from a configuration to weights: the training loop with its callbacks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from unsmear.errors import OptionError, TrainingError, UnsmearError, error_text
from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.options import AnyRun
from unsmear.train.config.pretraining import PretrainingRun
from unsmear.train.config.restorer import Settings
from unsmear.train.data.augment import Augmentation
from unsmear.train.data.dataset import Dataset
from unsmear.train.data.loader import batches
from unsmear.train.engine import build, pretrained, state
from unsmear.train.engine import folder as folders
from unsmear.train.engine.callbacks import Callback, LogWriter, Saver, open_logs
from unsmear.train.engine.export import repair
from unsmear.train.engine.job import Job
from unsmear.train.engine.loop import Plan, Rate, State, steps
from unsmear.train.engine.stopping import Reason, Stopping, finished, interruptible
from unsmear.train.engine.summary import Summary, summarise
from unsmear.train.engine.task import Task
from unsmear.train.engine.validation import Validator
from unsmear.train.tasks.classification import ClassificationTask
from unsmear.train.tasks.pretraining import PretrainingTask
from unsmear.train.tasks.restoration import RestorationTask

__all__ = ["Callback", "Summary", "open_task", "train"]


def train(
    run: AnyRun, folder: Path, callback: Callback | None = None, *, held: bool = False
) -> Summary:
    """Start a run in a folder of its own, or continue the folder's run; return how it ended.

    `docs/how-to/training.md` describes the files in the folder. held: whether the caller keeps
    other processes out of the folder, as a search does.

    Raises OptionError for wrong options and for a folder of another run, or that another process
    trains in; DataError for unusable data, WeightsError for missing or wrong weights, and
    TrainingError for a loss that is not finite and where memory runs out.
    """
    fabric = build.fabric(run.machine)
    fabric.launch()
    torch.manual_seed(run.seed)
    with nullcontext() if held else _holding(fabric, folder):
        new = not (folder / state.FILE).exists()
        task = open_task(run, fabric.device, new=new)
        return _train_in(fabric, run, folder, task, new, callback or Callback())


def _train_in(
    fabric: Fabric, run: AnyRun, folder: Path, task: Task, new: bool, callback: Callback
) -> Summary:
    """Start or continue a run in a folder that no other run writes to; return how it ended."""
    _open_folder(fabric, run, folder, task.data, new)
    with build.memory_errors_explained(run):
        optimisers = build.set_up(fabric, run, task.learner.networks)
    known = state.load(folder, task.learner.networks, optimisers)
    _check_shared(fabric, folder, known)
    job = Job(fabric, run, folder, task, optimisers, known)
    with build.memory_errors_explained(run):
        reason = _run_to_end(job, callback)
    return summarise(job, reason)


def open_task(run: AnyRun, device: torch.device, *, new: bool = True) -> Task:
    """Return a run's task, with its data opened and its network built.

    new: whether the run is new, so that its network needs the pretrained weights.

    Raises OptionError, DataError and WeightsError for options, data or weights that do not agree.
    """
    if isinstance(run, LabelRun):
        return ClassificationTask.open(run, device, new)
    if isinstance(run, PretrainingRun):
        return PretrainingTask.open(run, device, new)
    return RestorationTask.open(run, device, new)


@contextmanager
def _holding(fabric: Fabric, folder: Path) -> Iterator[None]:
    """Hold the folder's lease, in the first process for all of them, inside the context."""
    with ExitStack() as held:
        _in_first(fabric, folder, lambda: held.enter_context(folders.holding(folder)))
        yield


def _open_folder(
    fabric: Fabric, run: Settings, folder: Path, data: Dataset[Any], new: bool
) -> None:
    def opened() -> None:
        folders.open_folder(folder, run)
        start = pretrained.card(run) if new else None
        folders.note_environment(folder, data.describe(), run.seed, fabric.device, start)

    _in_first(fabric, folder, opened)


def _in_first(fabric: Fabric, folder: Path, work: Callable[[], None]) -> None:
    """Do a work in the first process; where that fails, all processes raise its error."""
    message = ""
    cause: Exception | None = None
    if fabric.is_global_zero:
        try:
            work()
        except UnsmearError as error:
            message, cause = str(error), error
        except OSError as error:
            message = f"{folder}: the folder cannot be written ({error_text(error)})."
            cause = error
    message = fabric.broadcast(message)
    if message:
        raise OptionError(message) from cause


def _check_shared(fabric: Fabric, folder: Path, known: State) -> None:
    """Raise TrainingError, in all processes, where they do not see the same folder."""
    if fabric.world_size > 1:
        gathered: Any = fabric.all_gather(torch.tensor(known.step))
        node_steps = gathered.flatten().tolist()
        if len(set(node_steps)) > 1:
            raise TrainingError(
                f"{folder}: the folder must be on a disk that all nodes share, got the different "
                f"steps {node_steps} on the nodes."
            )


def _run_to_end(job: Job, callback: Callback) -> Reason:
    """Run the remaining steps, and return why the run ended."""
    repair(job)
    callback.begin(job.state.step, job.last_step)
    reason = finished(job)
    if reason:
        return reason
    with (
        closing(LogWriter(job, open_logs(job))) as log,
        interruptible() as interrupted,
        closing(_batches(job)) as parts,
    ):
        saver, stopping = Saver(job), Stopping(job, interrupted)
        validator = Validator(job, log, saver)
        task, optimisers = job.task, job.optimisers
        for step in steps(job.fabric, task.learner, optimisers, parts, _plan(job), job.state):
            log.step(step)
            callback.step(step)
            reason = stopping.after_step()
            due = step.number % job.validate_every == 0
            if due or (reason and reason != "stopped"):
                scores = validator.validate()
                pruned = job.fabric.broadcast(callback.validation(step.number, scores))
                reason = reason or finished(job) or ("pruned" if pruned else None)
            elif reason or saver.overdue():
                saver.save()
            if reason:
                return reason
    raise RuntimeError("the batches must be endless")


def _plan(job: Job) -> Plan:
    run = job.run
    schedule = run.schedule
    rate = Rate(schedule.warm)
    if schedule.name in ("cosine", "linear"):
        rate = Rate(schedule.warm, job.last_step, schedule.name)
    return Plan(run.seed, rate, run.optimiser.accumulate, run.optimiser.clip)


def _batches(job: Job) -> Generator[Any]:
    """Yield the batches from the state's step on, augmented."""
    run, fabric = job.run, job.fabric
    augment = Augmentation(run.augment, run.seed)
    drawn = batches(
        job.task.data,
        start=job.state.step * run.optimiser.accumulate,
        batch=run.data.batch,
        rank=fabric.global_rank,
        world=fabric.world_size,
        workers=run.data.workers,
        device=fabric.device,
    )
    with closing(drawn):
        for batch in drawn:
            yield augment(batch, batch.number)
