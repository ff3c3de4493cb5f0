"""The record that a batch keeps beside its output folder, see `unsmear.batches`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import file_digest
from pathlib import Path
from typing import Any

from unsmear import environment
from unsmear.atomic import sweep
from unsmear.batches import at_work, mixing, sentences, table, writer
from unsmear.batches.entry import PASSED_OVER, Entry, Input, stamp
from unsmear.batches.mixing import Kept
from unsmear.batches.record import Record, Session, exists, read
from unsmear.batches.writer import Writer
from unsmear.cli import defaults
from unsmear.cli.console import say
from unsmear.cli.options.parameters import BatchOptions
from unsmear.data.item import Item
from unsmear.data.source import Survey, place_of_text
from unsmear.errors import OptionError, UnsmearError
from unsmear.images import slides
from unsmear.location import Location

PACKAGES = ("numpy", "scipy", "scikit-image", "onnxruntime", "openvino", "torch")
"""Packages whose versions are recorded."""
SLIDES = ("restore", "estimate")
"""Commands that work on slides."""
NOTHING = Kept({}, frozenset(), ())


@dataclass(frozen=True)
class Recording:
    """The record of a call, and what it leaves of earlier ones.

    writer: None where the call keeps no record. first: whether no earlier call kept one here.
    old_copies: as `Record.unchanged_copies` gives them. told: whether the end says where the page
    and the table are.
    """

    writer: Writer | None = None
    kept: Kept = NOTHING
    first: bool = True
    old_copies: frozenset[Path] = frozenset()
    told: bool = False

    @property
    def output(self) -> Path | None:
        """The output folder; None where the call keeps no record."""
        return None if self.writer is None else self.writer.output

    def there(self) -> list[str]:
        """Return the images that are not done again."""
        return [entry.image for entries in self.kept.there.values() for entry in entries]

    def remaining(self, items: Sequence[Item]) -> list[Item]:
        """Return the items that are to be done."""
        return [item for item in items if item.id not in self.kept.there]

    def add(self, entries: Sequence[Entry]) -> None:
        """Record what became of some images, those left out that an earlier call recorded."""
        if self.writer is None:
            return
        known = [entry for entry in entries if entry.image in self.kept.parts and entry.done]
        self.writer.add([entry for entry in entries if entry not in known])
        for entry in known:
            at_work.clear(self.writer.output, entry.image)

    def end(self, code: int) -> int:
        """Note that the call has ended, write its page and table; return the exit code."""
        if self.writer is None:
            return code
        self.writer.end(code)
        return max(code, write_pages(self.writer.output, self.told))


def write_pages(output: Path, told: bool = False) -> int:
    """Write the page and the table of a record; return the exit code. told: whether it is said."""
    from unsmear.report import batch_page

    try:
        page, rows = batch_page.write(output), table.write(output)
    except UnsmearError as error:
        say(str(error), sys.stderr)
        return 1
    if told:
        say(f"All images on one page: {page}; as a table: {rows.name}.", page=page, table=rows)
    return 0


def left_by_stopped(output: Path) -> Record | None:
    """Return the record of a call whose process was stopped, put right; None without one.

    Raises OptionError where another run writes to the folder.
    """
    if not exists(output):
        return None
    with writer.holding(output):
        sweep(output)
        return writer.recovered(output)


def old_copies(output: Path) -> frozenset[Path]:
    """Return what `Recording.old_copies` would be of a folder, which may have no record."""
    return read(output).unchanged_copies() if exists(output) else frozenset()


UNRECORDED = Recording()
"""For a call that keeps no record."""


@dataclass(frozen=True)
class Earlier:
    """What becomes of the results of earlier calls.

    resumed: whether those that are there are left. again: whether those of other options are then
    made again. mixed: whether they stay, and a line names them; the command has refused what it
    does not mix. whole: whether all that is asked for beside a result is there.
    """

    resumed: bool = False
    again: bool = False
    mixed: bool = False
    whole: Callable[[Entry], bool] = lambda _: True


REPLACED = Earlier()
"""For a command that makes everything anew."""


@contextmanager
def kept_for(
    output: Path,
    session: Session,
    survey: Survey,
    earlier: Earlier = REPLACED,
    *,
    kept: bool = True,
) -> Iterator[Recording]:
    """Keep the record of a batch inside the context, for this process alone.

    session: what is asked. kept: whether there is a record; a single image that is no slide has
    none, nor has an object store.

    Raises OptionError where another run writes to the folder, where the folder is of another
    command, and where a resumed run would mix results of different options.
    """
    if not kept or not _is_batch(session, survey):
        if kept:
            sweep(output)
        yield UNRECORDED
        return
    session = replace(session, environment=environment.describe(PACKAGES) | _defaults())
    with writer.holding(output):
        sweep(output)
        before = writer.recovered(output)
        left = NOTHING
        if before is not None:
            left = _left_of(before, session, survey, earlier)
        recording = _begun(output, before, left, session, survey)
        try:
            yield recording
        except KeyboardInterrupt:
            how = sentences.again(session.command)
            say(f"{output}: what is done is on record; {how} goes on.", sys.stderr)
            raise


def check_for(
    output: Path, session: Session, survey: Survey, earlier: Earlier, kept: bool = True
) -> None:
    """Raise what `kept_for` would raise of an earlier record, for a call that writes nothing."""
    if kept and _is_batch(session, survey) and exists(output):
        _left_of(read(output), session, survey, earlier)


def _left_of(before: Record, session: Session, survey: Survey, earlier: Earlier) -> Kept:
    """Return the results of earlier calls that stay."""
    _check_command(before, session)
    asked = {item.id: inputs_of(item) for item in survey.items}
    mixture = mixing.kept(before, asked, earlier.resumed, earlier.whole)
    return _kept(before, session, mixture, earlier.again, earlier.mixed)


def _check_command(before: Record, session: Session) -> None:
    """Raise OptionError for a folder of another command."""
    earlier = before.sessions[-1].command
    if earlier != session.command:
        raise OptionError(
            f"{before.output}: the output must be a new folder, or one of unsmear "
            f"{session.command}, got one of unsmear {earlier}."
        )


def _begun(
    output: Path, before: Record | None, left: Kept, session: Session, survey: Survey
) -> Recording:
    """Begin the record of a call, which has what is passed over at once.

    before, left: the record of earlier calls, None without one, and the results that stay.
    """
    session = replace(session, files=len(survey.items), there=len(left.there))
    recording = Recording(
        writer.begin(output, before, session),
        left,
        before is None,
        frozenset() if before is None else before.unchanged_copies(),
        session.command in sentences.RESUMED,
    )
    recording.add(list(_passed_over(survey)))
    return recording


def _defaults() -> dict[str, Any]:
    """Return what the record says of defaults from a file; nothing without any."""
    used = defaults.used()
    if not used.options:
        return {}
    return {"defaults": {"file": used.file, "options": dict(used.options)}}


def asked(
    command: str,
    batch: BatchOptions,
    options: Mapping[str, Any],
    others: Mapping[str, Any],
    weights: str = "",
) -> Session:
    """Return what is asked, without the environment.

    options: what may change a result. others: what changes none.
    weights: SHA-256 of the method's weights.
    """
    return Session(
        command,
        _given({**options, "axes": batch.axes}),
        _given({**others, **vars(batch.where)}),
        inputs=tuple(batch.inputs),
        weights=weights,
    )


def contents(path: Path) -> str:
    """Return the SHA-256 of a file's contents, or the path of a folder with its stamp."""
    if path.is_dir():
        return f"{path} {slides.stamp_of_folder(path)}"
    if not path.is_file():
        return str(path)
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def inputs_of(item: Item) -> tuple[Input, ...]:
    """Return the input files of an item as they are now."""
    return tuple(map(_input, item.files))


def _is_batch(session: Session, survey: Survey) -> bool:
    """Return whether a call is a batch, or a slide, and not the name of a single small image."""
    if len(survey.items) != 1 or len(session.inputs) != 1:
        return True
    (item,) = survey.items
    if place_of_text(session.inputs[0]) != place_of_text(item.files[0]):
        return True
    return session.command in SLIDES and not item.is_remote and _is_slide(item)


def _is_slide(item: Item) -> bool:
    """Return whether an image is worked on in blocks, for hours perhaps."""
    try:
        with item.slide() as slide:
            return slide is not None
    except UnsmearError:  # which its own reading says
        return False


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are given, named as on the command line."""
    return {
        name.replace("_", "-"): contents(value) if isinstance(value, Path) else value
        for name, value in options.items()
        if value is not None and value is not False and value != []
    }


def _input(file: object) -> Input:
    if isinstance(file, Location):  # nothing is asked of the network for it
        return str(file), -1, -1
    path = file if isinstance(file, Path) else Path(file.root.filename)  # type: ignore[attr-defined]
    return str(file), *stamp(path)


def _kept(before: Record, session: Session, kept: Kept, again: bool, mixed: bool) -> Kept:
    """Return what is left of earlier results; says which of them have other options."""
    there = [entry for entries in kept.there.values() for entry in entries]
    staying = [*kept.beside, *(there if mixed else [])]
    others = {} if mixed else mixing.differing(before, there, session)
    if not again:
        mixing.refuse(before.output, others, session.command)
    left = mixing.sentence(before.output, mixing.differing(before, staying, session))
    if left:
        say(left, sys.stderr)
    redone = {entry.item or entry.image for entries in others.values() for entry in entries}
    return replace(kept, there={k: v for k, v in kept.there.items() if k not in redone})


def _passed_over(survey: Survey) -> Iterator[Entry]:
    now = round(time.time(), 3)
    for entry in survey.passed_over:
        if entry.image:
            yield Entry(entry.file, PASSED_OVER, f"{entry.file}: {entry.reason}", at=now)
    for problem in survey.problems:
        yield Entry(problem, PASSED_OVER, problem, at=now)
