"""The server's life: it is bound to this machine, opens the browser, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import uvicorn

from unsmear import processes
from unsmear.errors import OptionError
from unsmear.local_page.app import create
from unsmear.local_page.security import HOST, Tokens
from unsmear.local_page.session import Folder, Session
from unsmear.local_page.work import Work

PREFIX = "unsmear-open-"
PATIENCE = 3
"""Seconds for which requests are waited for at the end."""


class _Server(uvicorn.Server):
    """A server that lets nobody wait when it is to end."""

    def __init__(self, config: uvicorn.Config, session: Session) -> None:
        super().__init__(config)
        self.session = session

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.session.shelf.close()
        super().handle_exit(sig, frame)


def serve(
    make: Callable[[], Work],
    opened: Folder | None,
    axes: str | None,
    port: int,
    browser: bool,
    say: Callable[[str], object],
) -> None:
    """Show the page until the process is interrupted.

    make, opened, axes: as in `Session`. port: 0 for any that is free. browser: whether to open it.
    say: prints a line.

    Raises OptionError for a port that is not free.
    """
    with _listening(port) as listener, _folder() as folder:
        tokens = Tokens(listener.getsockname()[1])
        session = Session(folder, make, opened, axes)
        config = uvicorn.Config(
            create(session, tokens),
            log_level="error",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            proxy_headers=False,
            timeout_graceful_shutdown=PATIENCE,
        )
        try:
            with suppress(KeyboardInterrupt):
                say(f"The page is at {tokens.address(tokens.token)}")
                say("It is shown to this computer alone, until you press Ctrl-C here.")
                if browser and not _opened(tokens.address(tokens.once)):
                    say("No browser could be opened: open the address yourself.")
                _Server(config, session).run(sockets=[listener])
        finally:
            session.close()


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """Give a socket that listens on this machine alone."""
    listener = socket.socket()
    if os.name == "posix":  # elsewhere it would let others share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with listener:
        try:
            listener.bind((HOST, port))
            listener.listen()  # a browser may be quicker than the server
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise OptionError(
                f"--port must be free, got {port} ({reason}); without it a free one is chosen."
            ) from error
        yield listener


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a temporary folder that nobody else can read; those of killed processes are deleted."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        number = left.name.removeprefix(PREFIX).partition("-")[0]
        if number.isdigit() and not processes.may_live(int(number)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=f"{PREFIX}{os.getpid()}-", ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder).resolve()


def _opened(address: str) -> bool:
    """Open the browser; return whether there is one with a window."""
    if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
        return False  # one of text would take the terminal
    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False
