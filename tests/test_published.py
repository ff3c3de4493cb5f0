"""Downloads, from a server on this machine."""

import hashlib
import random
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from unsmear import published
from unsmear.errors import OptionError, WeightsError

DATA = random.Random(4).randbytes(3 * published.CHUNK + 1000)
FILE = "net-1234.pth"


@dataclass
class Server:
    """What the server does, and the ranges that it was asked for."""

    url: str
    data: bytes = DATA
    ranges: bool = True
    cut: int | None = None
    status: int | None = None
    length: bool = True
    asked: list = field(default_factory=list)


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Return a server of DATA, which is the table's only entry; files go to tmp_path/home."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers["Range"]
            served.asked.append(wanted)
            start = int(wanted[len("bytes=") : -1]) if wanted and served.ranges else 0
            if served.status or start >= len(served.data):
                self.send_error(served.status or 416)
                return
            self.send_response(206 if start else 200)
            if start:
                last, whole = len(served.data) - 1, len(served.data)
                self.send_header("Content-Range", f"bytes {start}-{last}/{whole}")
            if served.length:
                self.send_header("Content-Length", str(len(served.data) - start))
            self.end_headers()
            self.wfile.write(served.data[start : served.cut])

        def log_message(self, *_):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Server(f"http://127.0.0.1:{listening.server_port}/{FILE}")
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    checksum = hashlib.sha256(DATA).hexdigest()
    entry = published.Published("net", "a net", FILE, served.url, len(DATA), checksum, "CC0", "us")
    monkeypatch.setattr(published, "TABLE", {"net": entry})
    monkeypatch.setenv("UNSMEAR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield served
    listening.shutdown()
    listening.server_close()
    thread.join()


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_download_is_found_afterwards_and_its_progress_told(server, tmp_path):
    assert published.find("net") is None
    told = []
    path = published.get("net", progress=lambda here, whole: told.append((here, whole)))
    assert published.find("net") == path == tmp_path / "home" / FILE
    assert content(tmp_path / "home") == {FILE: DATA}
    assert told == sorted(told)
    assert len(told) >= 4
    assert told[-1] == (len(DATA), len(DATA))


def test_what_is_there_is_not_loaded_again(server):
    published.get("net")
    published.get("net")
    assert server.asked == [None]


def test_what_is_there_and_damaged_is_loaded_again(server, tmp_path):
    published.get("net").write_bytes(b"damaged")
    published.get("net")
    assert content(tmp_path / "home") == {FILE: DATA}


@pytest.mark.parametrize("length", [True, False])
def test_a_download_that_broke_off_is_taken_up_again(server, tmp_path, length):
    server.cut, server.length = published.CHUNK + 77, length
    with pytest.raises(WeightsError) as raised:
        published.get("net")
    assert str(raised.value) == (
        "net: the download broke off after 0.3 MB of 0.8 MB; the same command goes on from there."
    )
    assert published.find("net") is None
    assert content(tmp_path / "home") == {f"{FILE}.part": DATA[: server.cut]}
    begun, server.cut = server.cut, None
    told = []
    published.get("net", progress=lambda here, whole: told.append(here))
    assert server.asked == [None, f"bytes={begun}-"]
    assert begun < told[0] <= begun + published.CHUNK
    assert content(tmp_path / "home") == {FILE: DATA}


def test_a_server_without_ranges_gives_the_whole_again(server, tmp_path):
    server.cut, server.ranges = 5000, False
    with pytest.raises(WeightsError, match="broke off"):
        published.get("net")
    server.cut = None
    published.get("net")
    assert content(tmp_path / "home") == {FILE: DATA}


@pytest.mark.parametrize("extra", [b"", b"and more"])
def test_a_piece_as_long_as_the_whole(server, tmp_path, extra):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / f"{FILE}.part").write_bytes(DATA + extra)
    published.get("net")
    assert server.asked == ([None] if extra else [])
    assert content(tmp_path / "home") == {FILE: DATA}


def test_a_piece_that_the_server_does_not_know_is_given_up(server, tmp_path):
    server.data = DATA[:100]
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / f"{FILE}.part").write_bytes(DATA[:200])
    with pytest.raises(WeightsError, match=r"cannot be had \(what is there has 100 bytes\)"):
        published.get("net")
    assert server.asked == ["bytes=200-", None]


@pytest.mark.parametrize("begun", [0, 5000])
def test_a_wrong_checksum_leaves_nothing(server, tmp_path, begun):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / f"{FILE}.part").write_bytes(bytes(begun))
    server.data = DATA[:-1] + bytes([DATA[-1] ^ 1]) if not begun else DATA
    with pytest.raises(WeightsError) as raised:
        published.get("net")
    right = hashlib.sha256(DATA).hexdigest()[:16]
    assert str(raised.value).startswith(f"{server.url}: the SHA-256 of net must be {right}..., got")
    assert str(raised.value).endswith("; it was not kept.")
    assert content(tmp_path / "home") == {}


def test_another_page_in_the_file_s_place_does_not_spoil_what_is_begun(server, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / f"{FILE}.part").write_bytes(DATA[:5000])
    server.data, server.ranges = b"<html>please log in", False
    with pytest.raises(WeightsError, match=r"cannot be had \(what is there has 19 bytes\)"):
        published.get("net")
    assert content(tmp_path / "home") == {f"{FILE}.part": DATA[:5000]}


def test_a_server_that_never_ends_is_left(server, tmp_path):
    server.data, server.length = DATA + bytes(10 * published.CHUNK), False
    told = []
    with pytest.raises(WeightsError, match="it was not kept"):
        published.get("net", progress=lambda here, whole: told.append(here))
    assert told[-1] <= len(DATA) + published.CHUNK
    assert content(tmp_path / "home") == {}


def test_a_server_s_refusal_says_what_to_do(server):
    server.status = 404
    with pytest.raises(WeightsError) as raised:
        published.get("net")
    assert str(raised.value) == (
        f"net: {server.url} cannot be had (the server says 404 Not Found); get {FILE} in another "
        f"way and name it: unsmear weights get net --from {FILE}"
    )


def test_without_a_network_one_sentence_says_what_to_do(server, monkeypatch):
    closed = replace(published.TABLE["net"], url="http://127.0.0.1:9/net.pth")
    monkeypatch.setitem(published.TABLE, "net", closed)
    with pytest.raises(WeightsError, match=r"cannot be had \(Connection refused\).*--from"):
        published.get("net")


def test_a_file_got_in_another_way_is_checked_and_copied(server, tmp_path):
    (tmp_path / "got").write_bytes(DATA)
    published.get("net", source=tmp_path / "got")
    assert server.asked == []
    assert content(tmp_path / "home") == {FILE: DATA}
    assert (tmp_path / "got").read_bytes() == DATA


def test_a_wrong_file_is_refused_and_left_alone(server, tmp_path):
    (tmp_path / "got").write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"got: the SHA-256 of net must be .*not kept"):
        published.get("net", source=tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"other"
    assert content(tmp_path / "home") == {}


def test_a_missing_file_and_a_folder_that_cannot_be_made(server, tmp_path):
    with pytest.raises(WeightsError, match=r"none\.pth: cannot be read or written \(No such file"):
        published.get("net", source=tmp_path / "none.pth")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WeightsError, match="file: cannot be read or written"):
        published.get("net", output=tmp_path / "file")


def test_an_output_folder_is_made(server, tmp_path):
    assert published.get("net", output=tmp_path / "a" / "b") == tmp_path / "a" / "b" / FILE
    assert published.find("net") is None


def test_an_unknown_name_is_refused():
    for function in (published.find, published.get):
        with pytest.raises(OptionError, match=r"got 'vgg19' \(did you mean vgg16\?\)\."):
            function("vgg19")


def test_the_table_agrees_with_itself():
    for name, entry in published.TABLE.items():
        assert entry.name == name
        assert entry.url.startswith("https://")
        assert entry.url.endswith(f"/{entry.file}")
        assert len(bytes.fromhex(entry.sha256)) == 32
    # torchvision's names end in the first digits of the checksum
    assert published.TABLE["vgg16"].file == f"vgg16-{published.TABLE['vgg16'].sha256[:8]}.pth"


@pytest.mark.parametrize(
    ("system", "variable", "kept"),
    [
        ("linux", None, "home/.cache/unsmear"),
        ("linux", "XDG_CACHE_HOME", "caches/unsmear"),
        ("darwin", None, "home/Library/Caches/unsmear"),
        ("win32", None, "home/AppData/Local/unsmear"),
        ("win32", "LOCALAPPDATA", "caches/unsmear"),
        ("win32", "UNSMEAR_HOME", "caches"),
    ],
)
def test_the_folder_is_the_platform_s(monkeypatch, tmp_path, system, variable, kept):
    for name in ("UNSMEAR_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(published.sys, "platform", system)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "caches"))
    assert published.folder() == tmp_path / kept
