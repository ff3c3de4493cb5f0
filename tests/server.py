"""A web server of a folder on this machine that fails on demand."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class Server(ThreadingHTTPServer):
    """faults: by the end of a path, what its next requests get; the last one for ever.

    asked: every address that was asked for, with its query. given: lengths of the answers, bytes.
    parts: whether it gives parts of files.
    """

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.faults, self.asked, self.headers = folder, {}, [], []
        self.given = []
        self.parts = True
        self.url = f"http://127.0.0.1:{self.server_port}"

    def fault(self, path):
        for end, faults in self.faults.items():
            if path.endswith(end):
                return faults.pop(0) if len(faults) > 1 else faults[0]
        return "none"

    def handle_error(self, request, client_address):
        """Say nothing of clients that left."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.headers.append(dict(self.headers))
        path = unquote(urlsplit(self.path).path)
        fault = self.server.fault(path)
        file = self.server.folder / path.lstrip("/")
        if fault == "slow":
            time.sleep(1)
        if fault.startswith("to "):
            self.answer(302, b"", Location=fault[3:])
        elif fault.isdigit():
            self.answer(int(fault), b"an error page")
        elif not file.is_file():
            self.answer(404, b"")
        else:
            self.send(*self.part(file.read_bytes()), fault)

    def part(self, data):
        """Return what is asked for of a file, and the state of the answer."""
        asked = self.headers.get("Range", "") if self.server.parts else ""
        if not asked:
            return data, 200
        start, _, stop = asked.removeprefix("bytes=").partition("-")
        if not start:
            return data[-int(stop) :], 206
        return data[int(start) : int(stop) + 1 if stop else None], 206

    def send(self, data, status, fault):
        if fault == "of no length":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        elif fault == "cut":
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        else:
            self.answer(status, data)

    def answer(self, status, data, **headers):
        self.server.given.append(len(data))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Print nothing."""


@contextlib.contextmanager
def served(folder):
    """Give a server of a folder, for as long as the context lasts."""
    server = Server(folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
