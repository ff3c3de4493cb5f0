"""Parts of which both widgets are made."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget


def button(text: str, tip: str, pressed: Callable[[], None]) -> QPushButton:
    """Return a button that calls a method; it does not keep the method's owner alive."""
    made = QPushButton(text, toolTip=tip)
    made.clicked.connect(pressed)
    return made


def label(text: str, buddy: QWidget) -> QLabel:
    """Return the label of a widget; an ampersand is before the letter that takes one there."""
    made = QLabel(text)
    made.setBuddy(buddy)
    return made


def lines() -> QLabel:
    """Return a label of lines that show names as they are, markup in them included."""
    return QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)


def row(*parts: QWidget) -> QWidget:
    """Return widgets side by side."""
    made = QWidget()
    layout = QHBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part)
    return made
