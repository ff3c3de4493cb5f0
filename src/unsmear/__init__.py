"""Take motion blur out of fluorescence microscopy images and prove that the biology survived.

The public names are those of `__init__.pyi`, imported when they are first used; what is not among
them is private, and may change without notice.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = sorted([*_names, "__version__"])
