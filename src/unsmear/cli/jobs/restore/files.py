"""Files that are written for an image: its result, and what lies beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from unsmear import images
from unsmear.batches.entry import RESTORED, Entry
from unsmear.cli.jobs.output import Output
from unsmear.cli.jobs.recording import Recording
from unsmear.cli.options.paths import resolved
from unsmear.cli.options.restore import ResultOptions
from unsmear.data.item import Item
from unsmear.data.source import place_of_text
from unsmear.errors import ImageError, OptionError
from unsmear.images import note, slides

UNCERTAINTY = ".error.tif"
"""End of the name of an uncertainty."""


@dataclass(frozen=True)
class Files:
    """The files of all images of one call.

    shared: stems of more than one image; the files beside their results have longer names.
    recorded: whether the record of earlier calls says which images are done, and not the files.
    parts: images that are done, of files of which others are not. similar: results that have the
    name of an uncertainty.
    """

    output: Output
    options: ResultOptions
    shared: frozenset[str] = frozenset()
    recorded: bool = False
    parts: frozenset[str] = frozenset()
    similar: frozenset[Path] = frozenset()

    @classmethod
    def of(cls, options: ResultOptions, items: Sequence[Item], floats: bool) -> Files:
        """Return the files of these images; floats: whether results are float32."""
        output = Output(options.folder, "restore", options.writing, floats, options.place)
        stems = Counter(item.stem for item in items)
        shared = frozenset(stem for stem, count in stems.items() if count > 1)
        results = (path for item in items for path in (*output.results(item), *output.copies(item)))
        similar = frozenset(path for path in results if path.name.endswith(UNCERTAINTY))
        return cls(output, options, shared, similar=similar)

    def recorded_in(self, record: Recording) -> Files:
        """Return the same files, of which the record of earlier calls says what is done."""
        recorded = replace(self, recorded=not record.first, parts=record.kept.parts)
        return recorded.replacing(record.old_copies)

    def replacing(self, copies: frozenset[Path]) -> Files:
        """Return the same files, which may replace copies of inputs in the output folder."""
        return replace(self, output=replace(self.output, old_copies=copies))

    def uncertainty(self, item: Item) -> Path | None:
        """Return the path of an image's uncertainty; None without --uncertainty."""
        return self.place_of_uncertainty(item) if self.options.uncertainty else None

    def place_of_uncertainty(self, item: Item) -> Path:
        """Return the path that an image's uncertainty has where it is written."""
        return self.output.folder / f"{_result_name(item)}{UNCERTAINTY}"

    def drop_uncertainty(self, item: Item) -> None:
        """Delete the uncertainty of an earlier result, which is that of the new one no more.

        In an object store, whatever has its name counts; `check_free` has asked for --overwrite.
        """
        path = self.place_of_uncertainty(item)
        if path in self.similar:
            return
        if self.output.place is not None:
            if self.output.is_taken(path):
                self.output.publish([path])  # where there is none here, it is deleted there
        elif self.output.command in note.commands(path):
            path.unlink(missing_ok=True)

    def report(self, item: Item) -> Path | None:
        """Return the path of the report on an image; None without --report."""
        if self.options.report is None:
            return None
        from unsmear.report.restoration import page

        name = _result_name(item) if item.stem in self.shared else item.stem
        return page.path_for(self.options.report, name)

    def all_of(self, item: Item) -> list[Path]:
        """Return all files that may be written for an image; it is not read for that."""
        beside = [self.uncertainty(item), self.report(item)]
        return [*self.output.results(item), *(path for path in beside if path is not None)]

    def is_done(self, item: Item) -> bool:
        """Return whether an image is skipped: a run is resumed, and its result is there."""
        if self.recorded:
            return item.id in self.parts
        if not (self.options.resume and self.output.is_done(item)):
            return False
        return self.has_beside(item, restored=not self.output.is_left(item))

    def has_beside(self, item: Item, restored: bool) -> bool:
        """Return whether all that is asked for beside an image's result is there.

        restored: whether the image was; one that was left unchanged has no uncertainty.
        """
        report, uncertainty = self.report(item), self.uncertainty(item)
        wanted = [report, uncertainty if restored else None]
        return all(path is None or self.output.is_taken(path) for path in wanted)

    def is_whole(self, items: Mapping[str, Item], entry: Entry) -> bool:
        """Return whether all that is asked for beside a result on record is there.

        items: those of the call by their ids.
        """
        if not self.options.uncertainty and self.options.report is None:
            return True
        item = items[entry.item or entry.image]
        singles = {one.id: one for one in (item.expand() if entry.of > 1 else [item])}
        return self.has_beside(singles[entry.image], entry.action == RESTORED)

    def check_free(self, item: Item) -> None:
        """Raise ImageError where a file of another origin would be replaced."""
        self.output.check_free(self.output.results(item), item)
        uncertainty, report = self.uncertainty(item), self.report(item)
        if uncertainty is not None and not self._is_beside(uncertainty, item):
            self.output.check_free([uncertainty], item)
        if uncertainty is None:
            self._check_no_uncertainty(item)
        if report is not None:
            self.output.check_report(report)

    def _check_no_uncertainty(self, item: Item) -> None:
        """Raise ImageError for an older uncertainty in an object store, without --overwrite."""
        path, output = self.place_of_uncertainty(item), self.output
        if output.place is None or output.options.overwrite or path in self.similar:
            return
        if output.is_taken(path):
            raise ImageError(
                f"{output.there(path)}: the uncertainty of another result must not lie beside the "
                "new one; --overwrite deletes it."
            )

    def _is_beside(self, path: Path, item: Item) -> bool:
        """Return whether a stopped run wrote a file beside the result with which this goes on."""
        return any(slides.is_beside(result, path) for result in self.output.results(item))

    def check_distinct(self, items: Sequence[Item]) -> None:
        """Raise OptionError where a file would overwrite an input or another output."""
        # A link to itself is a fault of one input, which its reading names.
        owners = {place_of_text(str(file)): item.id for item in items for file in item.files}
        for item in items:
            for path in self.all_of(item):
                place = place_of_text(str(self.output.there(resolved(path))))
                if place in owners:
                    raise OptionError(
                        f"{path.name}: every output file must have a name of its own, got this "
                        f"one for {item.id} and for {owners[place]}."
                    )
                owners[place] = item.id


def _result_name(item: Item) -> str:
    """Return the name of the result in the output folder: the file's name, or the field's ID."""
    ending = images.written_ending(item.files[0]) if len(item.files) == 1 else ""
    return f"{item.stem}{ending}"
