"""The widget for a folder: `unsmear restore` in a process of its own, which napari outlives."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from qtpy.QtCore import QProcess, QProcessEnvironment, Qt, QTimer, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from unsmear.batches import layout, record, status
from unsmear.batches.entry import Entry, counted
from unsmear.errors import UnsmearError
from unsmear.napari.parts import button, label, lines, row

PERIOD = 1000
"""Time between two looks at the record of a batch, milliseconds."""
PATIENCE = 5000
"""Time that a batch is given to end in order when napari closes, milliseconds."""
PLACE = Qt.ItemDataRole.UserRole
"""Where a line of the list keeps the files of its result."""


class FolderWidget(QWidget):  # type: ignore[misc]
    """Restores all images of a folder into another one, and shows what became of each.

    What it starts is `unsmear restore`: its results are the same, and what was stopped goes on.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._shown: set[str] = set()
        self._calls = 0
        self.output: Path | None = None
        """The folder of the results that are shown; None before the first batch."""
        self.process = QProcess(self)
        self.process.setStandardOutputFile(QProcess.nullDevice())  # the record says all
        self.process.finished.connect(self._ended)
        self.process.errorOccurred.connect(self._ended)
        QApplication.instance().aboutToQuit.connect(self._quit)
        self._timer = QTimer(self, interval=PERIOD)
        self._timer.timeout.connect(self._look)
        self._build()
        self._update()

    def _build(self) -> None:
        self.source, self.target = QLineEdit(), QLineEdit()
        self.band = QCheckBox("90 % band (a file beside each result)")
        self.start = button("&Restore all", "Restore every image of the folder.", self._start)
        self.stop = button("S&top", "Stop in order; starting again goes on.", self._stop)
        self.progress = QProgressBar(accessibleName="Progress")
        self.message = lines()
        self.images = QListWidget(accessibleName="What became of each image", wordWrap=True)
        self.images.itemDoubleClicked.connect(self._open)
        self.page = button("Open the pa&ge of results", "In the browser.", self._open_page)
        boxes = QVBoxLayout(self)
        for title, edit in (("&Images in", self.source), ("Results &to", self.target)):
            boxes.addWidget(label(title, edit))
            boxes.addWidget(row(edit, _browse(edit, self)))
        for part in (
            self.band,
            row(self.start, self.stop),
            self.progress,
            self.message,
            QLabel("Double-click opens an image:"),
            self.images,
            self.page,
        ):
            boxes.addWidget(part)

    @property
    def running(self) -> bool:
        """Whether a batch is at work."""
        return bool(self.process.state() != QProcess.ProcessState.NotRunning)

    def arguments(self) -> list[str]:
        """Return the arguments of the command; a batch that was stopped goes on."""
        target = Path(self.target.text().strip())
        resumed = ["--resume"] if record.exists(target) else []
        band = ["--uncertainty"] if self.band.isChecked() else []
        source = self.source.text().strip()
        return ["-m", "unsmear", "restore", source, "-o", str(target), *band, *resumed]

    def _start(self) -> None:
        if not self.source.text().strip() or not self.target.text().strip():
            self.message.setText("Both folders must be given: that of the images, and another.")
            return
        output = Path(self.target.text().strip())
        try:
            self._calls = _number_of_calls(output)
        except UnsmearError as error:
            self.message.setText(str(error))
            return
        self.output = output
        self.images.clear()
        self._shown.clear()
        self.message.setText("Looking for images ...")
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUNBUFFERED", "1")
        self.process.setProcessEnvironment(environment)
        self.process.start(sys.executable, self.arguments())
        self._timer.start()
        self._update()

    def _stop(self) -> None:
        self.message.setText("Stopping ...")
        if sys.platform == "win32":  # which cannot ask a program without a window
            self.process.kill()
        else:
            self.process.terminate()

    def _quit(self) -> None:
        """End the batch when napari is closed; it can go on later."""
        if self.running:
            self._stop()
            self.process.waitForFinished(PATIENCE)

    def _look(self) -> None:
        """Show what the record of the batch says by now."""
        if self.output is None:
            return
        try:
            batch = record.read(self.output)
        except UnsmearError:
            return  # it has not begun
        state = status.of(batch, alive=self.running)
        self.progress.setRange(0, max(state.files, 1))
        self.progress.setValue(state.files_done)
        counts = counted(state.counts)
        self.message.setText(f"{state.files_done} of {state.files} files: {counts or 'none yet'}.")
        for name, entry in batch.entries.items():
            if name not in self._shown:
                self._shown.add(name)
                self._add(entry, self.output)

    def _add(self, entry: Entry, output: Path) -> None:
        item = QListWidgetItem(entry.sentence)
        item.setData(PLACE, [str(output / path) for path in entry.outputs])
        self.images.addItem(item)

    def _ended(self, *_: Any) -> None:
        self._timer.stop()
        errors = bytes(self.process.readAllStandardError().data()).decode(errors="replace")
        try:
            self._look()
            if self.output is None or _number_of_calls(self.output) == self._calls:  # never began
                self.message.setText(errors.strip() or self.process.errorString())
        except UnsmearError as error:
            self.message.setText(str(error))
        finally:
            self._update()

    def _open(self, item: QListWidgetItem) -> None:
        for path in item.data(PLACE):
            self._viewer.open(path, plugin="unsmear")

    def _open_page(self) -> None:
        if self.output is not None:
            page = layout.page(self.output).absolute()
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(page)))

    def _update(self) -> None:
        self.start.setEnabled(not self.running)
        self.stop.setEnabled(self.running)
        self.page.setEnabled(self.output is not None and layout.page(self.output).exists())


def _number_of_calls(output: Path) -> int:
    """Return how often the command has begun on an output folder."""
    return len(record.read(output).sessions) if record.exists(output) else 0


def _browse(edit: QLineEdit, parent: QWidget) -> QPushButton:
    def browse() -> None:
        folder = QFileDialog.getExistingDirectory(parent, "Choose a folder", edit.text())
        if folder:
            edit.setText(folder)

    return button("...", "Choose a folder.", browse)
