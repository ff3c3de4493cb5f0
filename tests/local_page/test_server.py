"""The life of the server: the browser is opened, changes are told, and nothing is left."""

import time

from tests.local_page.states import seen


def test_the_browser_is_opened_where_it_has_a_window(monkeypatch):
    import webbrowser

    from unsmear.local_page import server

    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    monkeypatch.setattr(server.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not server._opened("http://x")  # there could only be a browser of text
    monkeypatch.setenv("DISPLAY", ":1")
    assert server._opened("http://x")
    assert opened == ["http://x"]


def test_a_change_is_told_at_once_and_the_end_lets_nobody_wait(served, tiff):
    served.drop(cell__tif=tiff())
    served.until("1", lambda shown: shown.state == "estimated")
    change = served.client.get("/images?since=0").json()["change"]
    served.session.shelf.close()
    began = time.monotonic()
    assert served.client.get(f"/images?since={change}").json()["images"] == []
    assert time.monotonic() - began < 5


def test_at_the_end_nothing_is_left(served, tiff):
    served.drop(cell__tif=tiff())
    served.until("1", seen)
    served.session.close()
    assert not served.session.folder.exists()
