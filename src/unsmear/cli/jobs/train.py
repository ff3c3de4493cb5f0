"""Jobs of `unsmear train`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unsmear.cli.console import as_json, say
from unsmear.cli.jobs import progress
from unsmear.cli.options.train import TrainingOptions
from unsmear.errors import MissingExtra

if TYPE_CHECKING:
    from unsmear.train.config.options import AnyRun
    from unsmear.train.engine.loop import Step
    from unsmear.train.run import Summary


def code_of_stop() -> int:
    """Return the exit code of a run that was stopped: by Ctrl-C, or by SIGTERM."""
    from unsmear.train.engine import stopping

    return 143 if stopping.ended_by_scheduler() else 130


def run(given: TrainingOptions, folder: Path) -> int:
    """Train a network, or resume a stopped run; return the exit code. folder: of the run."""
    configuration = loaded(given).resolve(given.model, given.config, given.tokens)
    # Of several processes only the first prints.
    first = os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"
    summary = _train(configuration, folder, first)
    if first:
        how, *best = describe(folder, summary, configuration)
        say(how, run=folder, reason=summary.reason, step=summary.step, best=summary.best)
        for line in best:
            say(line)
    return code_of_stop() if summary.reason == "stopped" else 0


def show_configuration(given: TrainingOptions) -> int:
    """Print the complete configuration of a run; return the exit code."""
    options = loaded(given)
    configuration = options.resolve(given.model, given.config, given.tokens)
    import tomli_w

    dumped = options.dump(configuration)
    if as_json():
        return 0 if say("", **dumped) else 1
    return 0 if all(map(say, tomli_w.dumps(dumped).splitlines())) else 1


def list_options() -> int:
    """Print all networks and options; return the exit code."""
    options = loaded()
    from unsmear import models

    kinds = {
        "restore": models.names(),
        "classify": models.classifiers(),
        "pretrain": models.autoencoders(),
    }
    for verb, names in kinds.items():
        say(f"Networks that {verb}, and their own options:")
        for name in names:
            own = (f"--options.{key} {value}" for key, value in options.own_options(name).items())
            say(f"  {name}  {', '.join(own)}".rstrip())
        say(f"Options of networks that {verb}:")
        for name, description in options.known(options.kind_of(names[0])).items():
            say(f"  --{name}  {description}")
    return 0


def describe(folder: Path, summary: Summary, run: AnyRun) -> list[str]:
    """Return the lines on a run that has ended: how, and its best score."""
    why = {
        "steps": "done",
        "patience": f"no improvement in {run.stop.patience} validations",
        "minutes": "time limit reached",
        "stopped": "stopped; repeat the command to resume",
        "pruned": "pruned",
    }[summary.reason]
    speed = f"{summary.samples_per_second:.3g} samples/s"
    alone = f"{summary.samples_per_second_alone:.3g} without waiting for data"
    lines = [f"step {summary.step}: {why}; {speed}, {alone}"]
    if summary.best is not None:
        best = f"best {run.stop.monitor} {summary.best:.4g} at step {summary.best_step}"
        if summary.blurred is not None and summary.best < summary.blurred:
            best += f", worse than the blurred images ({summary.blurred:.4g}): train longer"
        lines.append(f"{best}; use it with: unsmear {_use(run)} {folder / 'best'}")
    return lines


def _use(run: AnyRun) -> str:
    """Return the command that uses a network's weights, up to their path."""
    from unsmear import models

    if run.model in models.classifiers():
        return "classify IMAGES --classifier"
    if run.model in models.autoencoders():
        return f"train {' or '.join(models.pretrained_by(run.model))} --start"
    return "restore --method"


def _score_phrase(scores: Mapping[str, float]) -> str:
    """Return the main scores of a validation."""
    if "psnr" in scores:
        return (
            f"PSNR {scores['psnr']:.2f} dB (blurred {scores['blurred_psnr']:.2f}), "
            f"SSIM {scores['ssim']:.3f} ({scores['blurred_ssim']:.3f})"
        )
    if "masked" in scores:
        return f"squared error {scores['masked']:.4g} masked and {scores['visible']:.4g} visible"
    return (
        f"average precision {scores['average_precision']:.3f}, F1 {scores['micro_f1']:.3f} micro "
        f"and {scores['macro_f1']:.3f} macro"
    )


def _start_phrase(model: str, start: str) -> str:
    """Return which of the pretrained weights a new run begins with."""
    from unsmear.checkpoints import checkpoint

    _, card = checkpoint.read_card(loaded().weights_path(start))
    if card["network"] == model:
        return f"pretrained weights: {start}"
    return f"pretrained weights: the encoder of {start} ({card['network']}), without its decoder"


def loaded(given: TrainingOptions | None = None) -> Any:
    """Return the module of the configuration, once all that training needs is imported.

    given: whose names are checked before PyTorch is imported.

    Raises OptionError for an unknown network or option, and MissingExtra.
    """
    try:
        from unsmear.train.config import options

        if given is not None:
            options.check_names(given.model, given.config, given.tokens)
        from unsmear.train import run  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            f'unsmear train needs more packages: pip install "unsmear[train]" ({error}).'
        ) from error
    return options


def _train(run: AnyRun, folder: Path, speaks: bool) -> Summary:
    from unsmear.train.run import Callback
    from unsmear.train.run import train as train_run

    if not speaks:
        return train_run(run, folder)

    with progress.bar() as shown:
        task = shown.add_task(run.model)

        class Shown(Callback):
            def begin(self, step: int, last: int) -> None:
                shown.update(task, completed=step, total=last)
                say(f"{run.model}: steps {step} to {last}; preparing samples", sys.stderr)
                if run.freeze != "nothing" and run.start is None:
                    say("the frozen layers keep random weights: see --start", sys.stderr)
                if run.start is not None and not step:
                    say(_start_phrase(run.model, run.start), sys.stderr)

            def step(self, step: Step) -> None:
                shown.update(
                    task,
                    completed=step.number,
                    description=f"{run.model} loss {step.losses['loss']:.4g}",
                )

            def validation(self, step: int, scores: Mapping[str, float]) -> bool:
                line = f"step {step}: {_score_phrase(scores)}, loss {scores['loss']:.4g}"
                say(line, sys.stderr, step=step, **scores)
                return False

        return train_run(run, folder, Shown())
