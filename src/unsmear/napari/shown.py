"""Layers that this plugin added to a viewer: shown, hidden and taken away together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari.layers import Layer

from unsmear.napari.arrows import LayerData


class Shown:
    """Layers that were added together; those that they were made from are never changed."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._added: list[Layer] = []
        self._hidden: list[Layer] = []

    @property
    def layers(self) -> list[Layer]:
        """The layers that are still there."""
        return [layer for layer in self._added if layer in self._viewer.layers]

    def add(self, made: Sequence[LayerData]) -> None:
        """Add layers on top of all; what is chosen in the layer list stays chosen."""
        chosen = set(self._viewer.layers.selection)
        for data, keywords, kind in _covering(made):
            self._added.append(self._viewer.add_layer(Layer.create(data, keywords, kind)))
        self._viewer.layers.selection = chosen

    def replace(self, made: Sequence[LayerData]) -> None:
        """Add layers in place of those that were added before."""
        self.take_away()
        self.add(made)

    def lift(self) -> None:
        """Put the layers above all others."""
        for layer in self.layers:
            self._viewer.layers.move(self._viewer.layers.index(layer), len(self._viewer.layers))

    def hide(self, hidden: bool) -> None:
        """Hide the layers that are seen, or show them again."""
        if hidden:
            self._hidden = [layer for layer in self.layers if layer.visible]
        for layer in self._hidden:
            layer.visible = not hidden

    def take_away(self) -> None:
        """Take the layers away."""
        for layer in self.layers:
            self._viewer.layers.remove(layer)
        self._added, self._hidden = [], []


def _covering(made: Sequence[LayerData]) -> list[LayerData]:
    """Return layers of which the lowest image hides what is below it.

    Channels are shown as a sum; what was made of them would be added to the originals.
    """
    changed = list(made)
    for number, (data, keywords, kind) in enumerate(made):
        if kind == "image" and keywords.get("visible", True):
            if keywords.get("blending") == "additive":
                changed[number] = data, {**keywords, "blending": "opaque"}, kind
            break
    return changed
