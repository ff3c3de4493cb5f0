"""Parts of which both widgets are made."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget


def button(text: str, tip: str, pressed: Callable[[], None]) -> QPushButton:
    """Return a button that calls a method; it does not keep the method's owner alive."""
    widget = QPushButton(text, toolTip=tip)
    widget.clicked.connect(pressed)
    return widget


def label(text: str, buddy: QWidget) -> QLabel:
    """Return the label of a widget; an ampersand is before the letter that takes one there."""
    widget = QLabel(text)
    widget.setBuddy(buddy)
    return widget


def lines() -> QLabel:
    """Return a label of lines that show names as they are, markup in them included."""
    return QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)


def row(*parts: QWidget) -> QWidget:
    """Return widgets side by side."""
    widget = QWidget()
    layout = QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part)
    return widget
