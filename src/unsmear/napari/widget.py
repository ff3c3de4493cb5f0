"""The widget of the plugin: estimate, preview and restore the chosen layers."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, TypeAlias

from qtpy.QtWidgets import (
    QCheckBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from unsmear.errors import UnsmearError
from unsmear.napari import arrows, preview, results, words, work
from unsmear.napari.arrows import Found
from unsmear.napari.layers import Chosen, axes_of_layer, choose
from unsmear.napari.parts import button, label, lines, row
from unsmear.napari.running import Work
from unsmear.napari.shown import Shown

Estimates: TypeAlias = list[tuple[Chosen, list[Found]]]
"""What was found in images."""
BUSY = (0, 0)
"""Range of a progress bar that says that something is done, and not how much."""


class RestoreWidget(QWidget):  # type: ignore[misc]
    """Estimates, previews and restores the image layers that are chosen in the layer list."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._found: Estimates = []
        self._results, self._preview, self._arrows = (Shown(napari_viewer) for _ in range(3))
        self.work = Work(self)
        self._build()
        self.work.progressed.connect(self._show_progress)
        self.work.changed.connect(self._update)
        self.work.stopped.connect(self._say_stopped)
        napari_viewer.layers.selection.events.changed.connect(self._update)
        napari_viewer.layers.events.removed.connect(self._update)
        self._update()

    def _build(self) -> None:
        self.chosen = lines()
        self.axes = QLineEdit(
            toolTip="A letter for each dimension: T time, Z slices, C channels, P positions, Y, X. "
            "Leave it empty where the layer says it."
        )
        self.joined = QCheckBox(
            "The chosen layers are channels of one image",
            toolTip="Their movement is then found together where they agree.",
        )
        self.band = QCheckBox("90 % band (a hidden layer)", checked=True)
        self.findings = QTextEdit(readOnly=True, accessibleName="What was found")
        self.progress = QProgressBar(accessibleName="Progress")
        self.message = lines()
        self.estimate = button("&Estimate", "Find the movement of each exposure.", self._estimate)
        self.look = button("&Preview", "Restore the middle of what you see.", self._look)
        self.restore = button("&Restore", "Restore the chosen layers.", self._restore)
        self.cancel = button("&Cancel", "Stop; nothing is added.", self.work.cancel)
        self.before = button("Show &before", "Hide or show the results.", self._show_before)
        self.before.setCheckable(True)
        self.undo = button("&Undo", "Take the results away.", self._undo)
        layout = QVBoxLayout(self)
        for part in (
            QLabel("Chosen in the layer list:"),
            self.chosen,
            row(label("A&xes", self.axes), self.axes),
            self.joined,
            row(self.estimate, self.look),
            self.findings,
            self.band,
            row(self.restore, self.cancel),
            self.progress,
            self.message,
            row(self.before, self.undo),
        ):
            layout.addWidget(part)
        layout.setStretchFactor(self.findings, 1)
        self.message.setMinimumHeight(4 * self.message.fontMetrics().height())

    def _layers(self) -> list[Any]:
        """Return the chosen layers in the order of the layer list."""
        selection = self._viewer.layers.selection
        return [layer for layer in self._viewer.layers if layer in selection]

    def _choose(self) -> list[Chosen]:
        """Return the chosen images; raises as `layers.choose`."""
        return choose(self._layers(), self.axes.text(), self.joined.isChecked())

    def _start(
        self, job: Callable[[list[Chosen], work.Progress], Any], done: Callable[[Any], None]
    ) -> None:
        """Do a job on the chosen images in a thread, or say why not."""
        try:
            images = self._choose()
        except UnsmearError as error:
            self.findings.clear()
            self.message.setText(str(error))
            return
        self.message.setText("")
        self.progress.setRange(*BUSY)
        self.work.start(lambda progress: job(images, progress), done, self.message.setText)

    def _estimate(self) -> None:
        def job(images: list[Chosen], progress: work.Progress) -> Estimates:
            return [
                (chosen, work.estimate(chosen.image(), work.part_of(progress, n, len(images))))
                for n, chosen in enumerate(images)
            ]

        self._start(job, self._show_found)

    def _show_found(self, found: Estimates) -> None:
        """Show what was found, in words and as arrows over the images."""
        self._found = found
        several = len(found) > 1
        paragraphs = []
        for chosen, exposures in found:
            for exposure, parts in words.paragraphs(exposures, chosen.pixel_size):
                place = " ".join(filter(None, (chosen.name if several else "", exposure)))
                title = f"<b>{escape(place)}</b><br>" if place else ""
                paragraphs.append(f"<p>{title}{'<br>'.join(map(escape, parts))}</p>")
        self.findings.setHtml("".join(paragraphs) or "<p>no data</p>")
        drawn = (arrows.layer(chosen, exposures) for chosen, exposures in found)
        self._arrows.replace([data for data in drawn if data is not None])

    def _look(self) -> None:
        dims = self._viewer.dims
        try:
            parts = [preview.seen(chosen, dims) for chosen in self._choose()]
        except UnsmearError as error:
            self.message.setText(str(error))
            return
        known = [_known(self._found, part.chosen) for part in parts]

        def job(_: list[Chosen], progress: work.Progress) -> list[Any]:
            pairs = list(zip(parts, known, strict=True))
            done = []
            for number, (part, found) in enumerate(pairs):
                done.append((part, preview.restored(part, found)))
                progress(number + 1, len(pairs))
            return done

        self._start(job, self._show_preview)

    def _show_preview(self, done: list[Any]) -> None:
        self._preview.replace(
            [data for part, result in done for data in preview.layers(part, result)]
        )
        self._arrows.lift()
        sentences = [words.done(part.chosen.name, result) for part, result in done]
        self.message.setText("\n".join(f"Preview of {sentence}" for sentence in sentences))

    def _restore(self) -> None:
        band, found = self.band.isChecked(), list(self._found)

        def job(images: list[Chosen], progress: work.Progress) -> list[Any]:
            done = []
            for number, chosen in enumerate(images):
                image, own = chosen.image(), work.part_of(progress, number, len(images))
                result = work.restore(image, _known(found, chosen), band, own)
                done.append((chosen, result, work.found_in(image, result)))
            return done

        self._start(job, self._show_results)

    def _show_results(self, done: list[Any]) -> None:
        self._preview.take_away()
        self.before.setChecked(False)
        self._results.replace(
            [data for chosen, result, _ in done for data in results.layers(chosen, result)]
        )
        self._show_found([(chosen, found) for chosen, _, found in done])
        self.message.setText("\n".join(words.done(of.name, result) for of, result, _ in done))
        self._update()

    def _say_stopped(self) -> None:
        self.message.setText("Stopped; nothing was added.")

    def _show_before(self) -> None:
        self._results.hide(self.before.isChecked())

    def _undo(self) -> None:
        for shown in (self._preview, self._results):
            shown.take_away()
        self.before.setChecked(False)
        self.findings.clear()
        self.message.setText("The results were taken away.")

    def _show_progress(self, done: int, everything: int) -> None:
        self.progress.setRange(0, 1000)
        self.progress.setValue(1000 * done // everything)

    def _update(self) -> None:
        """Show what is chosen, and which buttons can be pressed."""
        there = self._viewer.layers
        self._found = [one for one in self._found if all(map(there.__contains__, one[0].layers))]
        layers, running = self._layers(), self.work.running
        self.chosen.setText(", ".join(layer.name for layer in layers) or "nothing")
        self.axes.setPlaceholderText(_axes_of(layers))
        self.joined.setVisible(len(layers) > 1)
        for starts in (self.estimate, self.look, self.restore):
            starts.setEnabled(not running)
        self.cancel.setEnabled(running and not self.work.stopping)
        added = bool(self._results.layers or self._preview.layers)
        self.undo.setEnabled(added and not running)
        self.before.setEnabled(bool(self._results.layers))
        if self.work.stopping:
            self.message.setText("Stopping ...")
        self.progress.setVisible(running)


def _known(found: Estimates, chosen: Chosen) -> list[Found]:
    """Return what was found in an image before; nothing where it was not estimated."""
    return next((exposures for other, exposures in found if chosen.is_same(other)), [])


def _axes_of(layers: list[Any]) -> str:
    """Return the axes that the layers say, or what to type."""
    try:
        own = {axes_of_layer(layer) for layer in layers}
    except (UnsmearError, AttributeError):
        return "to be typed, such as TYX"
    return f"{' '.join(sorted(own))}, as the layer says" if own else ""
