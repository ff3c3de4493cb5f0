"""Job of `unsmear open`: the page, and how its worker restores images."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unsmear.batches import record as records
from unsmear.cli.console import say
from unsmear.cli.jobs import batch as batches
from unsmear.cli.jobs import inputs, recording
from unsmear.cli.jobs.announcement import announce_all
from unsmear.cli.jobs.output import Output
from unsmear.cli.jobs.plate_output import finish
from unsmear.cli.jobs.record import note
from unsmear.cli.jobs.recording import Recording
from unsmear.cli.jobs.restore.asked import session_of
from unsmear.cli.jobs.restore.files import Files
from unsmear.cli.jobs.restore.job import restore_item
from unsmear.cli.jobs.restore.settings import Callbacks, Restoration, find_method, on_this_machine
from unsmear.cli.options.output import OutputOptions
from unsmear.cli.options.parameters import BatchOptions
from unsmear.cli.options.place import PlaceOptions
from unsmear.cli.options.restore import (
    MethodOptions,
    RestoringOptions,
    ResultOptions,
    TreatmentOptions,
)
from unsmear.cluster import HERE
from unsmear.data.item import Item
from unsmear.data.source import Survey
from unsmear.errors import MissingExtra, OptionError, UnsmearError
from unsmear.estimate import Estimate
from unsmear.estimate.processed import COMPRESSED, DECONVOLVED, JITTERED
from unsmear.local_page import looking
from unsmear.local_page.work import Batch, Done, Finding, News, Seen, Wanted
from unsmear.report.restoration import page

if TYPE_CHECKING:
    from unsmear.local_page.session import Folder
    from unsmear.report.restoration.content import Report

TICKS = {"use --dtype float32": "tick “floating-point results” to keep them"}
"""What the page has in place of options that a line of the command names."""
RESULTS = "-restored"
"""End of the name of the folder of results, beside the folder that is opened."""


def run(
    folder: Path | None,
    output: Path | None,
    axes: str | None,
    port: int,
    browser: bool,
    dry_run: bool = False,
) -> int:
    """Show the page until Ctrl-C; return the exit code. dry_run: whether it is only said."""
    try:
        from unsmear.local_page import server
        from unsmear.local_page.session import Folder
    except ImportError as error:
        raise MissingExtra("The page needs Starlette: pip install 'unsmear[open]'.") from error
    opened = None
    if folder is not None:
        output = output or default_output(folder)
        survey = inputs.find_inputs(BatchOptions([str(folder)], axes), output)
        opened = Folder(str(folder), survey, output.absolute(), with_results(survey, output))
    if dry_run:
        return _announce(opened, port)
    server.serve(partial(Work, axes), opened, axes, port, browser, say)
    say("Closed.")
    return 0


def _announce(opened: Folder | None, port: int) -> int:
    """Say what the page would show, and where results would go; return the exit code."""
    where = f"port {port}" if port else "a free port"
    say(f"would show a page to this computer alone, at {where}.")
    if opened is None:
        return announce_all("images", [], ["nothing: images are dropped on the page"])
    names = [item.id for item in opened.survey.items]
    return announce_all("images", names, [f"{opened.output}, once the page is asked to restore"])


def default_output(folder: Path) -> Path:
    """Return the folder of results beside a folder, or beside an image."""
    folder = folder.absolute()
    return (
        folder.with_name(f"{folder.name}{RESULTS}")
        if folder.is_dir()
        else folder.parent / "restored"
    )


def with_results(survey: Survey, output: Path) -> frozenset[str]:
    """Return the ids of images that have a result in an output folder, by its record.

    Those of a file that has changed since, and results that are no longer there, do not count.
    """
    try:
        record = records.read(output)
    except OptionError:  # which restoring says, where that record is in its way
        return frozenset()
    now = {item.id: recording.inputs_of(item) for item in survey.items}
    return frozenset(
        entry.image
        for entry in record.entries.values()
        if entry.done
        and record.session_of(entry).command == "restore"
        and all((output / path).exists() for path in entry.outputs)
        and entry.of_inputs(now.get(entry.item or entry.image, entry.inputs))
    )


@dataclass
class _Begun:
    """A batch that was begun. stack: leaves its record. tried: ids of what was worked on."""

    batch: Batch
    survey: Survey
    job: Restoration
    record: Recording
    stack: ExitStack
    tried: set[str] = field(default_factory=set)


class Work:
    """What the worker process of the page does, see `local_page.work.Work`."""

    def __init__(self, axes: str | None = None) -> None:
        self.axes = axes
        self._begun: _Begun | None = None

    def see(self, news: News, item: Item, folder: Path) -> Seen:
        """Say what an image is, and draw it."""
        return looking.see(news, item, folder)

    def estimate(self, news: News, item: Item, folder: Path) -> list[Finding]:
        """Say what moved how, and mark it."""
        return looking.estimate(news, item, folder)

    def begin(self, news: News, batch: Batch) -> None:
        """Begin to restore images; raises as `unsmear restore` does where that cannot be."""
        news("starting")
        survey = replace(batch.survey, items=batch.items, passed_over=(), problems=())
        job = _job_of(batch)
        job.files.check_distinct(survey.items)
        asked = session_of(job, BatchOptions(list(batch.inputs), batch.axes or self.axes))
        with ExitStack() as stack:
            kept = recording.kept_for(batch.output, asked, survey, kept=batch.recorded)
            record = stack.enter_context(kept)
            job = replace(job, files=job.files.recorded_in(record))
            self._begun = _Begun(batch, survey, job, record, stack.pop_all())

    def restore(self, news: News, item: Item, folder: Path) -> Done:
        """Restore an image of the batch, write its result, and draw it."""
        begun = self._begun
        assert begun is not None  # for mypy: the page begins every batch
        begun.tried.add(item.id)
        news("restoring")
        callbacks = Callbacks(news, partial(_draw, folder))
        work = partial(restore_item, replace(begun.job, callbacks=callbacks))
        *_, outcome = batches.attempt(work, begun.record.output, item)
        begun.record.add([outcome.entry] if outcome.entry is not None else [])
        if outcome.error:
            return Done("failed", outcome.error)
        files = tuple(path.absolute() for path in outcome.outputs if isinstance(path, Path))
        band = begun.job.files.uncertainty(item)
        return Done(
            outcome.what,
            _sentence(item, outcome.done),
            files,
            tuple(map(_finding, outcome.found)),
            (band.absolute(),) if band is not None and band.exists() else (),
        )

    def end(self, news: News, batch: Batch) -> None:
        """End the batch: side files are copied, its page and its table are written."""
        begun, self._begun = self._begun, None
        code = _end_stopped(batch) if begun is None else _end(begun)
        if code:
            raise UnsmearError(f"{batch.output}: the record of the batch is not complete.")


def _end(begun: _Begun) -> int:
    """End a batch; return the exit code."""
    with begun.stack:
        earlier = {entry.image for entry in begun.record.kept.beside}
        survey = _complete(begun.batch, begun.tried | earlier)
        return begun.record.end(finish(begun.job.files.output, survey, note("restore")))


def _end_stopped(batch: Batch) -> int:
    """End a batch whose process was stopped, if it has a record; return the exit code."""
    before = recording.left_by_stopped(batch.output) if batch.recorded else None
    if before is None:
        return 0
    done = {entry.image for entry in before.entries.values() if entry.done}
    output = Output(batch.output, "restore", floats=batch.wanted.floats)
    code = finish(output, _complete(batch, done), note("restore"))
    return max(code, recording.write_pages(batch.output))


def _complete(batch: Batch, done: set[str]) -> Survey:
    """Return what of a batch's survey is restored whole: everything, or plates in it.

    Their side files are copied, as `unsmear restore` copies those of a folder. done: ids of images
    that were worked on, in this batch or before.
    """
    survey = batch.survey
    items = [item for item in survey.items if item.id in done]
    if len(items) == len(survey.items):
        return survey
    left = {item.files[0] for item in survey.items if item.id not in done}
    whole = tuple(plate for plate in survey.plates if not left & set(plate.fields))
    own = {file for plate in whole for file in plate.side_files}
    side = tuple((file, below) for file, below in survey.side_files if file in own)
    return replace(survey, items=items, side_files=side, plates=whole)


def _job_of(batch: Batch) -> Restoration:
    """Return the settings by which images of a batch are restored."""
    wanted = batch.wanted
    dtype: Literal["float32"] | None = "float32" if wanted.floats else None
    treatment = TreatmentOptions(force=wanted.force, dtype=dtype)
    restoring = RestoringOptions.of(MethodOptions(), _kernel_of(wanted), treatment)
    restoring = on_this_machine(restoring, HERE)
    method = find_method(restoring, wanted.uncertainty)
    results = ResultOptions(batch.output, OutputOptions(), None, wanted.uncertainty, resume=False)
    files = Files.of(results, batch.survey.items, floats=dtype is not None)
    return Restoration(files, restoring, method, None)


def _kernel_of(wanted: Wanted) -> PlaceOptions:
    if wanted.length is None or wanted.angle is None:
        return PlaceOptions()
    return PlaceOptions(length=(f"{wanted.length:.4g}",), angle=(f"{wanted.angle:.4g}",))


def _draw(folder: Path, report: Report) -> None:
    """Leave the view of a restoration in an image's folder, and the report on it."""
    looking.update(folder, report)
    page.write(folder / "report.html", report)


def _sentence(item: Item, line: str) -> str:
    """Return a line of a batch without the image's name and the paths, which the page has."""
    done, _, written = line.removeprefix(f"{item.id}: ").partition(" -> ")
    remark = written[written.rindex(" (") :] if written.endswith(")") and " (" in written else ""
    for option, tick in TICKS.items():
        done = done.replace(option, tick)
    return f"{done[:1].upper()}{done[1:]}{remark}."


def _finding(found: Mapping[str, Any]) -> Finding:
    """Return what was found for an exposure from the record of a batch."""
    estimate = None
    if "confidence" in found:
        names = ("length", "angle", "confidence", "radius", "kind", "doubt")
        values = {"length": 0.0} | {name: found[name] for name in names if name in found}
        done = {known.kind: known for known in (COMPRESSED, DECONVOLVED, JITTERED)}
        estimate = Estimate(**values, processed=done.get(found.get("processed", "")))
    return Finding(found["planes"], found["movement"], bool(found["restored"]), estimate)
