"""Who may ask the server: this machine's browser, with the token, from the page itself.

A server on 127.0.0.1 can be reached by every page that the browser has open, and by every program
of this machine. So the token is needed, which the address has once and a cookie from then on; the
host must be named as it was given, which a name that was bound to 127.0.0.1 afterwards (DNS
rebinding) is not; and what another origin asks for is refused, other ports of this machine too.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
"""Names under which the server may be called."""
READ = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
    "Cache-Control": "no-store",
}
"""Headers of every answer."""
OTHER_HOST = "This server answers to 127.0.0.1 and localhost alone.\n"
OTHER_ORIGIN = "This server answers its own page alone.\n"
NO_TOKEN = (
    "Open the address that `unsmear open` printed in the terminal. It has a token, without which "
    "nothing is shown, and each start of the program has another one.\n"
)


@dataclass
class Tokens:
    """The tokens of one start of the server.

    token: in the address that is printed, and in the cookie. once: in the address that the browser
    is opened with, where other users of the machine may see it; it is valid once.
    """

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    once: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def cookie(self) -> str:
        """Name of the cookie: ports share cookies."""
        return f"unsmear-{self.port}"

    def address(self, token: str) -> str:
        """Return the address of the page with a token."""
        return f"http://{HOST}:{self.port}/?token={token}"

    def admits(self, token: str) -> bool:
        """Return whether a token of an address is valid; that of the browser is used up."""
        if secrets.compare_digest(token.encode(), self.token.encode()):
            return True
        if self.once and secrets.compare_digest(token.encode(), self.once.encode()):
            self.once = ""
            return True
        return False

    def knows(self, request: Request) -> bool:
        """Return whether a request has the cookie."""
        given = request.cookies.get(self.cookie, "")
        return secrets.compare_digest(given.encode(), self.token.encode())


class Guard:
    """Refuses requests that are not of the page, and gives every answer its headers."""

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self.app = app
        self.tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refusal(Request(scope))
        await (answer or self.app)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that is not passed on."""
        if not self._is_called_by_name(request.headers):
            return PlainTextResponse(OTHER_HOST, 421)
        if not self._is_of_page(request):
            return PlainTextResponse(OTHER_ORIGIN, 403)
        token = request.query_params.get("token")
        if token is not None and request.url.path == "/" and request.method in READ:
            return self._admission(token)
        return None if self.tokens.knows(request) else PlainTextResponse(NO_TOKEN, 403)

    def _is_called_by_name(self, headers: Headers) -> bool:
        hosts = headers.getlist("host")
        return hosts in [[f"{name}:{self.tokens.port}"] for name in NAMES]

    def _is_of_page(self, request: Request) -> bool:
        """Return whether the page asks, or the user by an address."""
        origin, site = (request.headers.get(name) for name in ("origin", "sec-fetch-site"))
        own = f"http://{request.headers.get('host')}"
        if origin is not None:
            return origin == own
        if request.method not in READ:
            return False
        # Whoever opens an address is let in to the page alone, from wherever the link came.
        return site in (None, "same-origin") or request.url.path == "/"

    def _admission(self, token: str) -> Response:
        if not self.tokens.admits(token):
            return PlainTextResponse(NO_TOKEN, 403)
        # A page and no redirection: the cookie is not sent with one that another site began.
        answer = Response(status_code=200, headers={"Refresh": "0; url=/"}, media_type="text/html")
        answer.set_cookie(
            self.tokens.cookie, self.tokens.token, httponly=True, samesite="strict", path="/"
        )
        return answer
