"""`unsmear weights` as a user calls it."""

import hashlib
import io

import pytest
from rich.console import Console

from unsmear.checkpoints import convert_maxim, published
from unsmear.cli.jobs import weights

DATA = b"the weights"


@pytest.fixture(autouse=True)
def table(monkeypatch, tmp_path):
    """Let the table have one entry, whose server nobody reaches."""
    checksum = hashlib.sha256(DATA).hexdigest()
    url = "http://127.0.0.1:9/net.pth"
    entry = published.Published("net", "a [net]", "net.pth", url, len(DATA), checksum, "CC0", "us")
    monkeypatch.setattr(published, "TABLE", {"net": entry})
    monkeypatch.setenv("UNSMEAR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_the_list_says_where_each_is(unsmear, tmp_path):
    done = unsmear("weights", "list")
    assert done.code == 0, done.err
    assert "a [net]" in done.out
    assert "not here: unsmear weights get net" in done.out
    (tmp_path / "got").write_bytes(DATA)
    done = unsmear("weights", "get", "net", "--from", tmp_path / "got")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"net is in {tmp_path}/home/net.pth.\n"
    done = unsmear("weights", "list")
    assert "not here" not in done.out
    shown = "".join(line.split("│")[-2].strip() for line in done.out.splitlines() if "│" in line)
    assert shown == f"{tmp_path}/home/net.pth"


def test_a_dry_run_says_what_would_be_downloaded(unsmear, tmp_path):
    done = unsmear("weights", "get", "net", "--dry-run")
    assert done.out == (
        "net: a [net], 0 MB; licence CC0.\n"
        "would read 1 file: http://127.0.0.1:9/net.pth.\n"
        f"would write {tmp_path}/home/net.pth.\n"
    )
    assert "No such file" in unsmear("weights", "get", "net", "--from", "got", "--dry-run").err
    (tmp_path / "got").write_bytes(DATA)
    done = unsmear("weights", "get", "net", "--from", tmp_path / "got", "--dry-run")
    assert f"would read 1 file: {tmp_path}/got.\n" in done.out
    assert not (tmp_path / "home").exists()
    unsmear("weights", "get", "net", "--from", tmp_path / "got")
    done = unsmear("weights", "get", "net", "--dry-run")
    assert done.out == f"net is in {tmp_path}/home/net.pth already: nothing would be done.\n"


def test_the_output_is_a_folder_of_the_user(unsmear, tmp_path):
    (tmp_path / "got").write_bytes(DATA)
    done = unsmear("weights", "get", "net", "--from", tmp_path / "got", "-o", tmp_path / "mine")
    assert done.code == 0, done.err
    assert (tmp_path / "mine/net.pth").read_bytes() == DATA
    assert not (tmp_path / "home").exists()


def test_without_a_network_one_sentence_says_what_to_do(unsmear):
    done = unsmear("weights", "get", "net")
    assert done.code == 1
    assert done.err == (
        "unsmear: net: http://127.0.0.1:9/net.pth cannot be downloaded (Connection refused); get "
        "net.pth in another way and give it to: unsmear weights get net --from net.pth\n"
    )


@pytest.mark.slow
def test_weights_of_maxim_say_what_they_are(unsmear, monkeypatch, tmp_path):
    from unsmear.models import maxim

    size = {"features": 8, "stages": 1, "groups": 1, "bottlenecks": 1}
    monkeypatch.setitem(maxim.VARIANTS, "tiny", size)
    url = "http://127.0.0.1:9/checkpoint.npz"
    entry = published.Published(
        "tiny", "a net", "checkpoint.npz", url, None, None, "CC0", "us", "maxim", "tiny"
    )
    monkeypatch.setattr(published, "TABLE", {"tiny": entry})
    done = unsmear("weights", "list")
    assert "not stated" in done.out
    assert "not here: unsmear weights get tiny" in done.out
    file = tmp_path / "checkpoint.npz"
    convert_maxim.to_flax(maxim.variant("tiny"), file)
    done = unsmear("weights", "get", "tiny", "--from", file)
    assert (done.code, done.err) == (0, "")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert done.out == (
        f"tiny is in {tmp_path}/home/tiny.safetensors.\n"
        f"checkpoint.npz has the SHA-256 {sha256}; checked: layout.\n"
    )
    file.write_bytes(b"none")
    done = unsmear("weights", "get", "tiny", "--from", file)
    assert done.code == 1
    assert done.err.startswith("unsmear: checkpoint.npz: MAXIM's weights must be an .npz, .h5 or")


def test_an_unknown_name_gives_one_sentence(unsmear):
    done = unsmear("weights", "get", "nett")
    assert done.code == 1
    expected = "unsmear: name must be one of net, got 'nett' (did you mean net?).\n"
    assert done.err == expected


def test_the_bar_shows_how_much_is_here(monkeypatch):
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(weights, "Console", lambda **_: terminal)
    with weights.download_bar("net") as progress:
        progress(250_000, 1_000_000)
    assert "0.2/1.0 MB" in screen.getvalue() or "0.3/1.0 MB" in screen.getvalue()
