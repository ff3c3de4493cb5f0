"""Plugin for napari: estimate, preview, restore and batch in a window; the extra `napari`.

It has no algorithm of its own: it makes images of the library from layers, calls the library, and
makes layers of what that returns. Its contributions are listed in `napari.yaml`.
"""
