"""Weights that others published: where they are, how to know them, how to get them.

Nothing is downloaded unless `get` is called. What is downloaded must have the table's SHA-256, or,
where nobody has stated one, the length and the MD5 that the server says. The weights of a network
must fit it too, and are kept in our own layout, with a card.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import cast
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from unsmear import checkpoint
from unsmear.errors import OptionError, UnsmearError, WeightsError

TIMEOUT = 30.0
"""Seconds that a server may be silent."""
CHUNK = 2**18
"""Bytes at a time."""

Progress = Callable[[int, int], None]
"""Is told the bytes that are here and the bytes of the whole, 0 where nobody says."""


@dataclass(frozen=True)
class Published:
    """A file of weights.

    name: ours. about: what it is. file: its name, there. url: where it is downloaded.
    size: bytes; sha256: of the file; None where nobody has stated it.
    licence: of the weights. source: who made them.
    variant: of MAXIM; such weights are kept as NAME.safetensors with a card, others as they are.
    trained_on: the images. scores: published ones, PSNR in decibels and SSIM, by images.
    """

    name: str
    about: str
    file: str
    url: str
    size: int | None
    sha256: str | None
    licence: str
    source: str
    variant: str = ""
    trained_on: str = ""
    scores: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def kept(self) -> str:
        """The name of the file here."""
        return f"{self.name}.safetensors" if self.variant else self.file

    @property
    def begun(self) -> str:
        """The name of a download that is not whole."""
        return f"{self.name}-{self.file}.part" if self.variant else f"{self.file}.part"


@dataclass(frozen=True)
class _Loaded:
    """Of a file: the bytes that are here, those that it has, and what the server says its MD5 is.

    lost: whether the connection was lost, as far as the server does not say the length.
    """

    here: int
    whole: int | None
    md5: bytes | None = None
    lost: bool = False

    @property
    def checked(self) -> str:
        """What else than the layout is right, once all was checked."""
        return "length, " * (self.whole is not None) + "MD5 of the server, " * bool(self.md5)


def _maxim(name: str, task: str, data: str, scores: Mapping[str, tuple[float, float]]) -> Published:
    """Return the entry of the authors' MAXIM-3S for a task, trained on a set of images."""
    images = data.replace("_", "-")
    return Published(
        name=f"maxim-s3-{name}",
        about=f"MAXIM S-3, {task.lower()}, trained on {images} (photographs)",
        file="checkpoint.npz",
        url=f"https://storage.googleapis.com/gresearch/maxim/ckpt/{task}/{data}/checkpoint.npz",
        size=None,
        sha256=None,
        licence="Apache-2.0 (google-research/maxim); the images have terms of their own",
        source="Tu et al., MAXIM, CVPR 2022; github.com/google-research/maxim",
        variant="S-3",
        trained_on=images,
        scores=scores,
    )


TABLE: dict[str, Published] = {
    entry.name: entry
    for entry in (
        Published(
            name="vgg16",
            about="VGG16 for the perceptual loss",
            file="vgg16-397923af.pth",
            url="https://download.pytorch.org/models/vgg16-397923af.pth",
            size=553_433_881,
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            licence="BSD-3-Clause (torchvision); trained on ImageNet, which has its own terms",
            source="torchvision, VGG16_Weights.IMAGENET1K_V1",
        ),
        _maxim("reds", "Deblurring", "REDS", {"REDS": (28.93, 0.865)}),
        _maxim("gopro", "Deblurring", "GoPro", {"GoPro": (32.86, 0.961), "HIDE": (32.83, 0.956)}),
        _maxim("realblur-r", "Deblurring", "RealBlur_R", {"RealBlur-R": (39.45, 0.962)}),
        _maxim("realblur-j", "Deblurring", "RealBlur_J", {"RealBlur-J": (32.84, 0.935)}),
        _maxim("sidd", "Denoising", "SIDD", {"SIDD": (39.96, 0.960), "DND": (39.84, 0.954)}),
    )
}
"""What can be had, by name."""


def lookup(name: str) -> Published:
    """Return the table's entry; raises OptionError for a name that is not in it."""
    if name not in TABLE:
        near = get_close_matches(name, TABLE, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise OptionError(f"name must be one of {', '.join(TABLE)}, got {name!r}{meant}.")
    return TABLE[name]


def folder() -> Path:
    """Return where weights are kept: UNSMEAR_HOME, or `unsmear` in the user's folder of caches."""
    if chosen := os.environ.get("UNSMEAR_HOME"):
        return Path(chosen)
    home = Path.home()
    if sys.platform == "win32":
        caches = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = home / "Library" / "Caches"
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return caches / "unsmear"


def find(name: str) -> Path | None:
    """Return where `get` put the file of that name, None where it is not there.

    Raises OptionError for a name that is not in the table.
    """
    path = folder() / lookup(name).kept
    return path if path.is_file() else None


def networks() -> list[str]:
    """Return the names of those that restore images."""
    return [name for name, entry in TABLE.items() if entry.variant]


def get(
    name: str,
    *,
    source: Path | None = None,
    output: Path | None = None,
    progress: Progress = lambda here, whole: None,
) -> Path:
    """Download weights of the table, or take them from a file, and return where they now are.

    source: a file that was got in another way; None downloads. For a network it can be a Keras
    copy (.h5) or our own .safetensors too.
    output: the folder for it, made where missing; None is where `find` looks.
    progress: called for each piece of a download.

    The file appears when it was found right. A download that broke off stays beside it, ending in
    .part, and the next call goes on from there. A right file that is there is kept.

    Raises OptionError for an unknown name; WeightsError where the network or the server fails,
    the file is not what it must be, or a file cannot be read or written; MissingExtra for a Keras
    copy without h5py.
    """
    entry = lookup(name)
    path = (output or folder()) / entry.kept
    try:
        if _right(entry, path, source):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        if source is None:
            _download(entry, path, progress)
        else:
            _copy(entry, source, path)
    except OSError as error:
        where = error.filename or path
        raise WeightsError(f"{where}: cannot be read or written ({error.strerror}).") from error
    return path


def _right(entry: Published, path: Path, source: Path | None) -> bool:
    """Return whether what is to be got is there: a network from another file is made anew."""
    if not path.is_file():
        return False
    if not entry.variant:
        return _checksum(path) == entry.sha256
    try:
        return source is None and bool(checkpoint.load(path).tensors)
    except UnsmearError:
        return False


def _copy(entry: Published, source: Path, path: Path) -> None:
    if entry.variant:
        _convert(entry, source, path, source.name, "layout")
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, aside)
        _check(entry, aside, str(source))
        aside.replace(path)
    finally:
        with contextlib.suppress(OSError):  # it would hide the error above
            aside.unlink(missing_ok=True)


def _download(entry: Published, path: Path, progress: Progress) -> None:
    part = path.with_name(entry.begun)
    here = part.stat().st_size if part.exists() else 0
    loaded = _Loaded(here, entry.size)
    if here != entry.size:
        loaded = _fetch(entry, part, _resumed(entry, here), progress)
    if loaded.lost or loaded.here < (loaded.whole or 0):
        of = f" of {_megabytes(loaded.whole)}" if loaded.whole else ""
        raise WeightsError(
            f"{entry.name}: the download broke off after {_megabytes(loaded.here)}{of}; "
            f"the same command goes on from there."
        )
    _check(entry, part, entry.url, loaded.md5)
    if not entry.variant:
        part.replace(path)
        return
    try:
        _convert(entry, part, path, entry.file, loaded.checked + "layout")
    except WeightsError:
        part.unlink()  # it is whole, and so the same again
        raise
    part.unlink()


def _resumed(entry: Published, here: int) -> int:
    """Return from which byte to go on. One is fetched again where the whole is not known: a server
    says nothing of a file of which nothing is missing.
    """
    if entry.size is None:
        return max(0, here - 1)
    return here if here < entry.size else 0


def _fetch(entry: Published, part: Path, here: int, progress: Progress) -> _Loaded:
    """Add to the first `here` bytes what the server still has; return what is here then."""
    with _opened(entry, here) as answer:
        if answer.status != 206:  # the server gives the whole only, or has another file now
            here = 0
        whole = _whole(entry, answer, here)
        with part.open("r+b" if here else "wb") as file:
            file.truncate(here)
            file.seek(here)
            # Never much more than the whole: what follows would be of no use.
            while (whole is None or here <= whole) and (chunk := _read(answer)):
                file.write(chunk)
                here += len(chunk)
                progress(here, whole or 0)
            os.fsync(file.fileno())
        lost = whole is None and chunk is None
        return _Loaded(here, whole, _md5(answer), lost)


def _whole(entry: Published, answer: HTTPResponse, here: int) -> int | None:
    """Return the bytes of the whole file, None where nobody says.

    Raises WeightsError for another file in its place: a page of a proxy, say.
    """
    if entry.size is None and answer.headers.get("Content-Type", "").startswith("text/"):
        raise _unreachable(entry, "what is there is a page of text")
    whole = None if answer.length is None else here + answer.length
    if entry.size is not None and whole not in (None, entry.size):
        raise _unreachable(entry, f"what is there has {whole} bytes")
    return entry.size or whole


@contextmanager
def _opened(entry: Published, start: int) -> Iterator[HTTPResponse]:
    headers = {"User-Agent": "unsmear"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        answer = urlopen(Request(entry.url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and start:  # its file is shorter than our piece
            with _opened(entry, 0) as answer:
                yield answer
            return
        raise _unreachable(entry, f"the server says {error.code} {error.reason}") from error
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        raise _unreachable(entry, getattr(reason, "strerror", None) or str(reason)) from error
    with answer:
        yield cast(HTTPResponse, answer)


def _read(answer: HTTPResponse) -> bytes | None:
    """Return the next piece, nothing at the end and None where the connection is lost."""
    try:
        return answer.read(CHUNK)
    except (HTTPException, OSError):
        return None


def _md5(answer: HTTPResponse) -> bytes | None:
    """Return the MD5 that Google's servers state (x-goog-hash: crc32c=..., md5=...), or None."""
    said = ",".join(answer.headers.get_all("x-goog-hash") or [])
    for part in said.split(","):
        kind, _, digest = part.strip().partition("=")
        if kind == "md5":
            with contextlib.suppress(binascii.Error):
                return base64.b64decode(digest, validate=True)
    return None


def _unreachable(entry: Published, reason: str) -> WeightsError:
    return WeightsError(
        f"{entry.name}: {entry.url} cannot be had ({reason}); get {entry.file} in another way and "
        f"name it: unsmear weights get {entry.name} --from {entry.file}"
    )


def _check(entry: Published, aside: Path, source: str, md5: bytes | None = None) -> None:
    """Delete a file and raise WeightsError where it has not the checksum that is known."""
    for kind, right in (("SHA-256", entry.sha256), ("MD5", md5 and md5.hex())):
        found = _checksum(aside, kind.replace("-", "").lower()) if right else None
        if found and right and found != right:
            aside.unlink()
            raise WeightsError(
                f"{source}: the {kind} of {entry.name} must be {right[:16]}..., got "
                f"{found[:16]}...; it was not kept."
            )


def _convert(entry: Published, file: Path, path: Path, called: str, checked: str) -> None:
    """Write a file's weights in our own layout, with their card.

    called: the file's name. checked: what is known to be right about it.
    """
    from unsmear import models
    from unsmear.models import maxim, maxim_files

    network = maxim.from_flax(file)
    wanted = {**models.options_of("maxim"), **maxim.VARIANTS[entry.variant]}
    shapes = ((name, tuple(one.shape)) for name, one in network.named_parameters())
    options = maxim_files.options(file.name, shapes)
    if options != wanted:
        other = ", ".join(f"{name} {value}" for name, value in options.items())
        raise WeightsError(
            f"{file.name}: the weights must be of MAXIM {entry.variant}, got one of {other}."
        )
    card = {
        "name": entry.name,
        "network": "maxim",
        "options": wanted,
        "scaling": {"values": list(network.values)},
        "conserves_light": True,
        "licence": entry.licence,
        "source": entry.source,
        "trained_on": entry.trained_on,
        "published_scores": {
            images: {"psnr": psnr, "ssim": ssim} for images, (psnr, ssim) in entry.scores.items()
        },
        "url": entry.url,
        "file": {"name": called, "sha256": _checksum(file), "checked": checked},
    }
    checkpoint.save(path.with_suffix(""), network.state_dict(), card)


def _checksum(path: Path, kind: str = "sha256") -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
