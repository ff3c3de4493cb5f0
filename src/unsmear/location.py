"""Addresses of files in object stores and on web servers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit, urlunsplit

SCHEMES = ("s3", "https", "http")
"""What a remote address may begin with."""


@dataclass(frozen=True, repr=False)
class Location:
    """A file or folder in an object store or on a web server; as text it shows no secret.

    url: as the user wrote it. folder: whether it is a Zarr, whose files lie below it.
    """

    url: str
    folder: bool = False

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        if parts.scheme == "s3":
            return f"s3://{s3_path(self.url).rpartition('@')[2]}"
        end = "?..." if parts.query else ""
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{end}"

    __repr__ = __str__

    def __truediv__(self, below: str | PurePosixPath) -> Location:
        path = str(below)
        if path == ".":
            return self
        if self.scheme == "s3":
            return Location(f"{self.url.rstrip('/')}/{path}", self.folder)
        parts = urlsplit(self.url)
        joined = f"{parts.path.rstrip('/')}/{path}"
        return Location(urlunsplit(parts._replace(path=joined)), self.folder)

    @property
    def scheme(self) -> str:
        """Return "s3", "https" or "http"."""
        return urlsplit(self.url).scheme

    @property
    def path(self) -> PurePosixPath:
        """Return the path below the host or in the bucket."""
        if self.scheme == "s3":
            return PurePosixPath(s3_path(self.url).partition("/")[2])
        return PurePosixPath(unquote(urlsplit(self.url).path))

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.name

    @property
    def suffix(self) -> str:
        """Return the ending of the name."""
        return self.path.suffix

    @property
    def parent(self) -> PurePosixPath:
        """Return where it lies, which tells files of one place from those of another."""
        return PurePosixPath(str(self)).parent

    def is_dir(self) -> bool:
        """Return whether it is a Zarr, as `Path.is_dir` says of one on the disk."""
        return self.folder


def is_url(text: object) -> bool:
    """Return whether a text names a place that is reached through the network."""
    return isinstance(text, str) and text.partition("://")[0].lower() in SCHEMES and "://" in text


def s3_path(url: str) -> str:
    """Return "bucket/key" of an s3:// address."""
    return url.partition("://")[2]
