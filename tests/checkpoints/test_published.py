"""Downloads, from a server on this machine."""

import base64
import hashlib
import random
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from unsmear.checkpoints import checkpoint, convert_maxim, published
from unsmear.errors import MissingExtra, OptionError, WeightsError
from unsmear.restoration import methods

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
    md5: bytes | None = None
    kind: str = "application/octet-stream"
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
            self.send_header("Content-Type", served.kind)
            if served.md5 is not None:  # as storage.googleapis.com says it
                self.send_header("x-goog-hash", "crc32c=AAAAAA==")
                self.send_header("x-goog-hash", f"md5={base64.b64encode(served.md5).decode()}")
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
        "net: the download broke off after 0.3 MB of 0.8 MB; the same command continues it."
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
    with pytest.raises(
        WeightsError, match=r"cannot be downloaded \(the server's file has 100 bytes\)"
    ):
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
    assert str(raised.value).endswith("; the file was not kept.")
    assert content(tmp_path / "home") == {}


def test_another_page_in_the_file_s_place_does_not_spoil_what_is_begun(server, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / f"{FILE}.part").write_bytes(DATA[:5000])
    server.data, server.ranges = b"<html>please log in", False
    with pytest.raises(
        WeightsError, match=r"cannot be downloaded \(the server's file has 19 bytes\)"
    ):
        published.get("net")
    assert content(tmp_path / "home") == {f"{FILE}.part": DATA[:5000]}


def test_a_server_that_never_ends_is_left(server, tmp_path):
    server.data, server.length = DATA + bytes(10 * published.CHUNK), False
    told = []
    with pytest.raises(WeightsError, match="the file was not kept"):
        published.get("net", progress=lambda here, whole: told.append(here))
    assert told[-1] <= len(DATA) + published.CHUNK
    assert content(tmp_path / "home") == {}


def test_a_server_s_refusal_says_what_to_do(server):
    server.status = 404
    with pytest.raises(WeightsError) as raised:
        published.get("net")
    assert str(raised.value) == (
        f"net: {server.url} cannot be downloaded (the server says 404 Not Found); get {FILE} in "
        f"another way and give it to: unsmear weights get net --from {FILE}"
    )


def test_without_a_network_one_sentence_says_what_to_do(server, monkeypatch):
    closed = replace(published.TABLE["net"], url="http://127.0.0.1:9/net.pth")
    monkeypatch.setitem(published.TABLE, "net", closed)
    with pytest.raises(WeightsError, match=r"cannot be downloaded \(Connection refused\).*--from"):
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
        assert entry.by_hand or entry.url.endswith(f"/{entry.file}")
        assert len(bytes.fromhex(entry.sha256 or 64 * "0")) == 32
        assert entry.size is None or entry.size > 0
        assert entry.network or (entry.size and entry.sha256)
        assert len(bytes.fromhex(entry.md5 or 32 * "0")) == 16
    # torchvision's names end in the first digits of the checksum
    assert published.TABLE["vgg16"].file == f"vgg16-{published.TABLE['vgg16'].sha256[:8]}.pth"


@pytest.mark.parametrize(
    ("system", "variable", "location"),
    [
        ("linux", None, "home/.cache/unsmear"),
        ("linux", "XDG_CACHE_HOME", "caches/unsmear"),
        ("darwin", None, "home/Library/Caches/unsmear"),
        ("win32", None, "home/AppData/Local/unsmear"),
        ("win32", "LOCALAPPDATA", "caches/unsmear"),
        ("win32", "UNSMEAR_HOME", "caches"),
    ],
)
def test_the_folder_is_the_platform_s(monkeypatch, tmp_path, system, variable, location):
    for name in ("UNSMEAR_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(published.sys, "platform", system)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "caches"))
    assert published.folder() == tmp_path / location


def test_the_published_networks_are_those_of_the_issue():
    table = published.TABLE
    assert published.networks() == [
        "maxim-s3-reds",
        "maxim-s3-gopro",
        "maxim-s3-realblur-r",
        "maxim-s3-realblur-j",
        "maxim-s3-sidd",
        "deblurgan",
        "deblurgan-v2-mobile",
    ]
    root = "https://storage.googleapis.com/gresearch/maxim/ckpt"
    assert table["maxim-s3-realblur-r"].url == f"{root}/Deblurring/RealBlur_R/checkpoint.npz"
    assert table["maxim-s3-sidd"].url == f"{root}/Denoising/SIDD/checkpoint.npz"
    assert table["maxim-s3-reds"].scores == {"REDS": (28.93, 0.865)}
    names = [entry.kept for entry in table.values()] + [entry.begun for entry in table.values()]
    assert len(set(names)) == 2 * len(table)


TINY = {"features": 8, "stages": 1, "groups": 1, "bottlenecks": 1}
NAME = "maxim-tiny"
BEGUN = f"{NAME}-checkpoint.npz.part"


@pytest.fixture
def tiny(server, monkeypatch, tmp_path):
    """Return a file with MAXIM's weights, which the server gives: the table's only entry."""
    from unsmear.models import maxim

    monkeypatch.setitem(maxim.VARIANTS, "tiny", TINY)
    torch.manual_seed(1)
    path = tmp_path / "got" / "checkpoint.npz"
    convert_maxim.to_flax(maxim.variant("tiny"), path)
    server.data = path.read_bytes()
    server.url = server.url.replace(FILE, path.name)
    server.md5 = hashlib.md5(server.data).digest()
    shared = {"about": "a net", "url": server.url, "licence": "CC0", "source": "us"}
    scores = {"photographs": (30.5, 0.9)}
    entry = published.Published(
        NAME,
        file=path.name,
        size=None,
        sha256=None,
        network="maxim",
        variant="tiny",
        scores=scores,
        **shared,
    )
    monkeypatch.setattr(published, "TABLE", {NAME: entry})
    return path


def tensors(path):

    return convert_maxim.from_flax(path).state_dict()


def same(path, other):
    mine, theirs = tensors(path), tensors(other)
    return mine.keys() == theirs.keys() and all(torch.equal(mine[n], theirs[n]) for n in mine)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_a_network_is_kept_in_our_layout_with_a_card(server, tiny, tmp_path):
    told = []
    path = published.get(NAME, progress=lambda here, whole: told.append((here, whole)))
    assert path == tmp_path / "home" / f"{NAME}.safetensors" == published.find(NAME)
    assert names(path.parent) == [f"{NAME}.json", f"{NAME}.safetensors"]
    assert told[-1] == (len(server.data), len(server.data))
    assert same(path, tiny)
    loaded = checkpoint.load(path)
    assert loaded.network == "maxim"
    assert loaded.options == {"reduction": 4, "channels": 3, **TINY}
    sha256 = hashlib.sha256(server.data).hexdigest()
    checked = "length, MD5 of the server, layout"
    expected = {
        "name": NAME,
        "scaling": {"values": [0.0, 1.0]},
        "licence": "CC0",
        "source": "us",
        "url": server.url,
        "file": {"name": "checkpoint.npz", "sha256": sha256, "checked": checked},
        "published_scores": {"photographs": {"psnr": 30.5, "ssim": 0.9}},
    }
    assert {key: loaded.card[key] for key in expected} == expected
    published.get(NAME)
    assert server.asked == [None]


@pytest.mark.slow
def test_a_network_that_was_got_restores_by_its_name(tiny):
    with pytest.raises(WeightsError) as raised:
        methods.find(NAME)
    sentence = f"{NAME}: the weights are not here; get them with: unsmear weights get {NAME}"
    assert str(raised.value) == sentence
    with pytest.raises(OptionError, match=f"did you mean {NAME}"):
        methods.find("maxim-tinny")
    path = published.get(NAME, source=tiny)
    method = methods.find(NAME)
    sha256 = checkpoint.load(path).card["sha256"]
    assert (method.name, method.cited) == (NAME, f"{NAME} {sha256[:12]}")
    image = np.random.default_rng(1).random((1, 3, 70, 64), dtype=np.float32)
    assert method.fit(image, None).restore(image).shape == image.shape


@pytest.mark.slow
@pytest.mark.parametrize("ranges", [True, False])
def test_a_network_s_download_that_broke_off_is_taken_up_again(server, tiny, tmp_path, ranges):
    server.cut, server.ranges = 100_000, ranges
    with pytest.raises(
        WeightsError, match=r"broke off after 0\.1 MB of \d\.\d MB; the same command"
    ):
        published.get(NAME)
    assert names(tmp_path / "home") == [BEGUN]
    server.cut = None
    assert same(published.get(NAME), tiny)
    assert server.asked == [None, "bytes=99999-"]
    assert names(tmp_path / "home") == [f"{NAME}.json", f"{NAME}.safetensors"]


@pytest.mark.slow
def test_a_network_that_is_whole_but_not_kept_yet_is_not_loaded_again(server, tiny, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / BEGUN).write_bytes(server.data)
    assert same(published.get(NAME), tiny)
    assert server.asked == [f"bytes={len(server.data) - 1}-"]


def test_a_piece_of_another_file_is_found_out(server, tiny, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / BEGUN).write_bytes(bytes(5000))
    with pytest.raises(WeightsError) as raised:
        published.get(NAME)
    right = server.md5.hex()[:16]
    assert str(raised.value).startswith(f"{server.url}: the MD5 of {NAME} must be {right}..., got")
    assert names(tmp_path / "home") == []


@pytest.mark.slow
@pytest.mark.parametrize(("md5", "length"), [(None, True), (None, False), (b"nonsense", False)])
def test_what_a_server_does_not_say_is_not_claimed(server, tiny, md5, length, monkeypatch):
    server.md5, server.length = md5, length
    if md5:
        monkeypatch.setattr(base64, "b64encode", lambda data: b"*" + data)
    path = published.get(NAME)
    assert same(path, tiny)
    checked = "length, layout" if length else "layout"
    assert checkpoint.load(path).card["file"]["checked"] == checked


@pytest.mark.parametrize("data", [b"<html>please log in", b""])
def test_a_page_in_the_network_s_place_is_not_kept(server, tiny, tmp_path, data):
    server.data, server.md5 = data, None
    server.status = None if data else 403
    with pytest.raises(WeightsError, match=r"damaged or of another kind|403 Forbidden"):
        published.get(NAME)
    assert names(tmp_path / "home") == []


def test_a_page_of_a_proxy_does_not_spoil_what_is_begun(server, tiny, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / BEGUN).write_bytes(server.data[:5000])
    true = server.data
    server.data, server.kind, server.ranges = b"<html>please log in", "text/html", False
    with pytest.raises(
        WeightsError, match=r"cannot be downloaded \(the server sent a page of text\)"
    ):
        published.get(NAME)
    assert content(tmp_path / "home") == {BEGUN: true[:5000]}


@pytest.mark.slow
@pytest.mark.parametrize("error", [WeightsError("bad"), AttributeError("a fault of ours")])
def test_whatever_refuses_a_whole_file_leaves_nothing(server, tiny, tmp_path, monkeypatch, error):

    def refuse(path):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(convert_maxim, "from_flax", refuse)
        with pytest.raises(type(error)):
            published.get(NAME)
    assert names(tmp_path / "home") == []
    assert same(published.get(NAME), tiny)


def test_a_file_that_only_lacks_an_extra_to_be_read_is_kept(server, tiny, tmp_path, monkeypatch):
    from unsmear.checkpoints import arrays

    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(arrays, "import_module", absent)
    server.data, server.md5 = b"\x89HDF\r\n\x1a\n" + bytes(200), None
    with pytest.raises(MissingExtra, match="need h5py"):
        published.get(NAME)
    assert names(tmp_path / "home") == [BEGUN]


@pytest.mark.slow
def test_a_network_of_another_size_is_not_kept(server, tiny, tmp_path):
    from unsmear.models import maxim

    convert_maxim.to_flax(maxim.MAXIM(**{**TINY, "stages": 2}), tiny)
    with pytest.raises(WeightsError, match=r"must be of MAXIM tiny, got a network of .* stages 2"):
        published.get(NAME, source=tiny)
    server.data, server.md5 = tiny.read_bytes(), None
    with pytest.raises(WeightsError, match=r"must be of MAXIM tiny, got a network of .* stages 2"):
        published.get(NAME)
    assert names(tmp_path / "home") == []


@pytest.mark.slow
def test_our_own_layout_and_another_place_will_do(server, tiny, tmp_path):
    first = published.get(NAME, source=tiny)
    again = published.get(NAME, source=first, output=tmp_path / "there")
    assert names(tmp_path / "there") == [f"{NAME}.json", f"{NAME}.safetensors"]
    assert again.read_bytes() == first.read_bytes()
    assert checkpoint.load(again).card["file"]["name"] == first.name
    assert server.asked == []


@pytest.mark.slow
def test_another_file_takes_the_place_of_the_first(tiny):
    from unsmear.models import maxim

    published.get(NAME, source=tiny)
    convert_maxim.to_flax(maxim.variant("tiny"), tiny)
    assert same(published.get(NAME, source=tiny), tiny)


@pytest.mark.slow
def test_a_network_that_is_damaged_is_loaded_again(server, tiny):
    path = published.get(NAME, source=tiny)
    path.write_bytes(path.read_bytes()[:-8])
    assert same(published.get(NAME), tiny)
    assert server.asked == [None]


@pytest.mark.slow
def test_a_file_that_is_known_by_another_name_is_refused(tiny, monkeypatch, tmp_path):
    monkeypatch.setitem(published.TABLE, "other", replace(published.TABLE[NAME], name="other"))
    path = published.get(NAME, source=tiny)
    for source in (tiny, path):
        with pytest.raises(WeightsError, match=f"must be those of other, got those of {NAME}"):
            published.get("other", source=source)
    assert published.find("other") is None
    assert published.get(NAME, source=path) == path


REAL = published.TABLE["xception"]


def test_a_classifier_s_beginning_is_none_that_restores():
    assert published.classifiers() == ["xception"]
    root = "https://storage.googleapis.com/tensorflow/keras-applications/xception"
    assert REAL.url == f"{root}/xception_weights_tf_dim_ordering_tf_kernels_notop.h5"
    with pytest.raises(OptionError, match=r"^a method must be one of .*, got 'xception'\.$"):
        methods.find("xception")


@pytest.fixture(scope="module")
def xception_file(tmp_path_factory):
    """Return a file of Xception by timm's names."""
    from unsmear.checkpoints import convert_xception
    from unsmear.models import xception

    torch.manual_seed(2)
    tensors = xception.Xception(labels=2).state_dict()
    timm = {theirs: tensors[ours] for ours, (_, theirs) in convert_xception.names().items()}
    path = tmp_path_factory.mktemp("timm") / "legacy_xception.pth"
    torch.save(timm | {"fc.weight": torch.zeros(1000, 2048)}, path)
    return path


def in_keras(timm):
    """Return the arrays of a file of timm by Keras's names, with Keras's axes."""
    from unsmear.checkpoints import convert_xception

    renamed = {}
    for keras, theirs in convert_xception.names().values():
        name = keras.replace("conv/", "conv2d_").replace("batch/", "batch_normalization_")
        axes = (2, 3, 0, 1) if "depthwise" in name else (2, 3, 1, 0)
        renamed[name] = timm[theirs].permute(axes) if timm[theirs].ndim == 4 else timm[theirs]
    return renamed


@pytest.fixture
def xception_entry(server, monkeypatch):
    """Return the entry of Xception, of a file that the server gives, as the table's only one."""
    entry = replace(REAL, url=server.url, file=FILE, size=None)
    monkeypatch.setattr(published, "TABLE", {"xception": entry})
    return entry


@pytest.mark.slow
def test_xception_is_kept_in_our_layout_without_its_last_layer(
    server, xception_entry, xception_file, tmp_path
):
    from unsmear import models
    from unsmear.models.transfer import fit_weights

    with pytest.raises(WeightsError, match=r"get them with: unsmear weights get xception$"):
        methods.weights("xception")
    path = published.get("xception", source=xception_file)
    assert path == tmp_path / "home" / "xception.safetensors"
    assert methods.weights("xception") == path.with_suffix("")
    assert server.asked == []
    loaded = checkpoint.load(path)
    assert (loaded.network, loaded.options) == ("xception", {})
    sha256 = hashlib.sha256(xception_file.read_bytes()).hexdigest()
    expected = {
        "name": "xception",
        "scaling": {"values": [-1.0, 1.0]},
        "lacks": ["head"],
        "trained_on": "ImageNet",
        "url": server.url,
        "file": {"name": xception_file.name, "sha256": sha256, "checked": "layout"},
    }
    assert {key: loaded.card[key] for key in expected} == expected
    assert "published_scores" not in loaded.card
    network = models.build("xception", labels=5, channels=4)
    network.load_state_dict(fit_weights(network, loaded.tensors))
    again = published.get("xception", source=path, output=tmp_path / "there")
    assert again.read_bytes() == path.read_bytes()
    for given in ("xception", str(path)):
        with pytest.raises(OptionError, match=r"^a method must "):
            methods.find(given)


@pytest.mark.slow
def test_xception_s_download_has_the_checksum_that_its_publisher_states(
    server, xception_entry, xception_file, monkeypatch, tmp_path
):
    h5py = pytest.importorskip("h5py")
    with pytest.raises(
        WeightsError, match=r"the MD5 of xception must be b0042744bf5b25fc\.\.\., got"
    ):
        published.get("xception")
    assert names(tmp_path / "home") == []
    with h5py.File(tmp_path / "keras.h5", "w") as file:
        for name, array in in_keras(torch.load(xception_file)).items():
            file[name] = array
    server.data = (tmp_path / "keras.h5").read_bytes()
    md5 = hashlib.md5(server.data).hexdigest()
    monkeypatch.setitem(published.TABLE, "xception", replace(xception_entry, file="x.h5", md5=md5))
    file = checkpoint.load(published.get("xception")).card["file"]
    assert file["checked"] == "length, MD5 of the publisher, layout"
    assert names(tmp_path / "home") == ["xception.json", "xception.safetensors"]
