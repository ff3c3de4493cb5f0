"""The addresses of the page: what a browser may ask for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from unsmear.errors import OptionError, UnsmearError
from unsmear.local_page import downloads
from unsmear.local_page.security import Guard, Tokens
from unsmear.local_page.session import Session
from unsmear.local_page.shelf import Shown
from unsmear.local_page.work import Wanted
from unsmear.report import html_page
from unsmear.report.restoration import view

PATIENCE = 20.0
"""Seconds for which a browser waits for a change before it asks again."""
BODY = 2**20
"""Largest size of what is asked, bytes."""
SCRIPT, STYLE = "text/javascript", "text/css"
TEXTS: dict[str, tuple[str, Callable[[], str]]] = {
    "base.css": (STYLE, lambda: html_page.STYLE),
    "view.css": (STYLE, partial(view.asset, "view.css")),
    **{name: (SCRIPT, partial(view.asset, name)) for name in view.SCRIPTS},
}
"""Files of the page that the reports have too."""
OWN = {
    "page.css": STYLE,
    "page.js": SCRIPT,
    "images.js": SCRIPT,
    "server.js": SCRIPT,
    "drop.js": SCRIPT,
    "axes.js": SCRIPT,
}
"""Files of the page alone."""
GONE = "This image is no longer there; reload the page."
LATE = "The file came after the end of its drop; drop it again."
PICTURES = (
    "thumbnail",
    view.RECORDED,
    view.RESTORED_PICTURE,
    view.VERDICTS,
    view.MISFITS,
    view.KERNEL,
)


def create(session: Session, tokens: Tokens) -> Starlette:
    """Return the server of a session."""
    return Starlette(
        routes=[
            Route("/", _asset("index.html", "text/html")),
            *(Route(f"/{name}", _asset(name, kind)) for name, kind in OWN.items()),
            *(Route(f"/{name}", _text(*text)) for name, text in TEXTS.items()),
            Route("/favicon.ico", lambda _: Response(status_code=204)),
            Route("/images", Images(session).since),
            *Images(session).routes(),
            *Actions(session).routes(),
        ],
        middleware=[Middleware(Guard, tokens=tokens)],
        exception_handlers={UnsmearError: _sentence},
    )


async def _sentence(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


def _asset(name: str, kind: str) -> Callable[[Request], Response]:
    text = (files("unsmear.local_page.static") / name).read_text(encoding="utf-8")
    return lambda _: Response(text, media_type=kind)


def _text(kind: str, text: Callable[[], str]) -> Callable[[Request], Response]:
    return lambda _: Response(text(), media_type=kind)


@dataclass(frozen=True)
class Images:
    """What is known of images, and their pictures."""

    session: Session

    def routes(self) -> list[Route]:
        """Return the addresses."""
        return [
            Route("/images/{key}/view", self.view),
            Route("/images/{key}/{name}.png", self.picture),
            Route("/images/{key}/part/{layer}", self.part),
            Route("/images/{key}/report", self.report),
            Route("/images/{key}/result", self.result),
            Route("/results", self.results),
        ]

    def since(self, request: Request) -> Response:
        """Return what changed after a number, as soon as something does."""
        change = _integer(request.query_params, "since", 0)
        last, fresh, gone = self.session.shelf.since(change, PATIENCE)
        news = {
            "session": self.session.name,
            "change": last,
            "images": [shown.to_dict() for shown in fresh],
            "removed": gone,
            "about": self.session.about() if change == 0 else None,
        }
        return JSONResponse(news)

    def view(self, request: Request) -> Response:
        """Return the values of an image's view."""
        shown = self._shown(request)
        return JSONResponse(self.session.values(shown))

    def picture(self, request: Request) -> Response:
        """Return a picture that the worker left."""
        shown, name = self._shown(request), request.path_params["name"]
        path = shown.folder / f"{name}.png"
        if name not in PICTURES or not path.is_file():
            return PlainTextResponse("There is no such picture.\n", 404)
        return FileResponse(path, media_type="image/png")

    def part(self, request: Request) -> Response:
        """Return a part of an image in some detail, see `pixels.picture`."""
        shown, asked = self._shown(request), request.query_params
        edges = [_integer(asked, name, -1) for name in ("top", "left", "bottom", "right")]
        data = self.session.part(
            shown,
            request.path_params["layer"],
            _integer(asked, "plane", 0),
            _integer(asked, "channel", -1),
            None if min(edges) < 0 else (edges[0], edges[1], edges[2], edges[3]),
            _integer(asked, "pixels", 1024),
        )
        return Response(data, media_type="image/png")

    def report(self, request: Request) -> Response:
        """Return the report on a restoration, a page that needs no server."""
        shown = self._shown(request)
        path = shown.folder / "report.html"
        if not path.is_file():
            return PlainTextResponse("There is no report.\n", 404)
        return _attached(path, f"{downloads.name_of(shown)}.report.html")

    def result(self, request: Request) -> Response:
        """Return the files of a result; several as a zip file."""
        shown = self._shown(request)
        if len(shown.written) == 1 and shown.written[0].is_file():
            return _attached(shown.written[0], shown.written[0].name)
        return self._zipped([shown], f"{downloads.name_of(shown)}.zip")

    def results(self, request: Request) -> Response:
        """Return the files of all results as a zip file."""
        return self._zipped(list(self.session.shelf.shown.values()), "restored.zip")

    def _zipped(self, images: list[Shown], name: str) -> Response:
        archive = downloads.zipped(images, self.session.folder)
        if archive is None:
            return PlainTextResponse("There is no result.\n", 404)
        return _attached(archive, name, BackgroundTask(archive.unlink, missing_ok=True))

    def _shown(self, request: Request) -> Shown:
        shown = self.session.shelf.shown.get(request.path_params["key"])
        if shown is None:
            raise OptionError(GONE)
        return shown


@dataclass(frozen=True)
class Actions:
    """What is done with images."""

    session: Session

    def routes(self) -> list[Route]:
        """Return the addresses."""
        return [
            Route("/restore", self.restore, methods=["POST"]),
            Route("/cancel", self.cancel, methods=["POST"]),
            Route("/axes", self.give_axes, methods=["POST"]),
            Route("/drops", self.begin_drop, methods=["POST"]),
            Route("/drops/{drop}/{name:path}", self.receive, methods=["PUT"]),
            Route("/drops/{drop}", self.end_drop, methods=["POST"]),
        ]

    async def restore(self, request: Request) -> Response:
        """Have images restored."""
        asked = await _body(request)
        keys, wanted = _keys(asked), Wanted.of(asked)
        count = await run_in_threadpool(self.session.restore, keys, wanted)  # a stop holds it up
        return JSONResponse({"images": count})

    async def cancel(self, request: Request) -> Response:
        """Stop what is done with images."""
        await run_in_threadpool(self.session.jobs.cancel, _keys(await _body(request)))
        return JSONResponse({})

    async def give_axes(self, request: Request) -> Response:
        """Have images looked at by axes that their files do not say."""
        asked = await _body(request)
        count = await run_in_threadpool(self.session.give_axes, _keys(asked), asked.get("axes"))
        return JSONResponse({"images": count})

    async def begin_drop(self, _: Request) -> Response:
        """Return the name of a drop, whose files come one by one."""
        return JSONResponse({"drop": self.session.begin_drop()})

    async def receive(self, request: Request) -> Response:
        """Take a file of a drop."""
        place = request.path_params
        if not self.session.is_open(place["drop"]):
            raise OptionError(GONE)
        declared = _integer(request.headers, "content-length", 0)
        with suppress(ClientDisconnect):
            path = await self.session.uploads.receive(
                place["drop"], place["name"], declared, request.stream()
            )
            if not self.session.is_open(place["drop"]):  # it has ended meanwhile without this file
                self.session.uploads.remove(path)
                raise OptionError(LATE)
        return JSONResponse({})

    async def end_drop(self, request: Request) -> Response:
        """Show what was dropped."""
        drop = request.path_params["drop"]
        if not self.session.is_open(drop):
            raise OptionError(GONE)
        return JSONResponse(await run_in_threadpool(self.session.end_drop, drop))


def _attached(path: Path, name: str, task: BackgroundTask | None = None) -> Response:
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
    kind = "application/octet-stream"
    return FileResponse(path, media_type=kind, headers=headers, background=task)


async def _body(request: Request) -> dict[str, Any]:
    """Return what is asked; raises OptionError for anything but an object of JSON."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > BODY:
            raise OptionError("what is asked must be shorter.")
    try:
        asked = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise OptionError("what is asked must be JSON.") from error
    if not isinstance(asked, dict) or "json" not in request.headers.get("content-type", ""):
        raise OptionError("what is asked must be an object of JSON.")
    return asked


def _keys(asked: Mapping[str, Any]) -> list[str]:
    keys = asked.get("images")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise OptionError("images must be a list of their numbers.")
    return keys


def _integer(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else default
