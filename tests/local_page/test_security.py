"""The server answers its own page alone: with the token, by its own name, from its own origin."""

import re
from importlib.resources import files

import pytest

from unsmear.report import html_page
from unsmear.report.restoration import view

PORT = 8421
OWN = f"http://127.0.0.1:{PORT}"


def status(served, address="/images", method="GET", **headers):
    client = served.client
    own = {name: value for name, value in client.headers.items() if name.lower() != "origin"}
    client.headers = own
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request(method, address, headers=named).status_code


def test_the_token_of_an_address_becomes_a_cookie_that_no_script_and_no_other_site_has(served):
    served.client.cookies.clear()
    assert "unsmear open" in served.client.get("/").text
    answer = served.client.get(f"/?token={served.tokens.token}")
    assert answer.status_code == 200
    assert answer.headers["refresh"] == "0; url=/"
    cookie = answer.headers["set-cookie"].lower()
    assert f"unsmear-{PORT}=" in cookie
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert served.client.get("/").status_code == 200


def test_the_address_of_the_browser_is_valid_once(served):
    served.client.cookies.clear()
    once = served.tokens.once
    assert once != served.tokens.token
    assert served.client.get(f"/?token={once}").status_code == 200
    served.client.cookies.clear()
    assert served.client.get(f"/?token={once}").status_code == 403
    assert served.client.get("/?token=").status_code == 403


@pytest.mark.parametrize("address", ["/", "/page.js", "/images", "/results", "/nothing"])
def test_nothing_is_shown_without_the_token(served, address):
    for value in ("", "wrong", served.tokens.token + "x"):
        served.client.cookies.clear()
        served.client.cookies.set(served.tokens.cookie, value)
        assert served.client.get(address).status_code == 403
    assert served.client.get("/?token=wrong").status_code == 403
    assert served.client.get("/?token=%C3%A9").status_code == 403


@pytest.mark.parametrize(
    ("host", "code"),
    [
        (f"127.0.0.1:{PORT}", 200),
        (f"localhost:{PORT}", 200),
        ("127.0.0.1", 421),
        (f"127.0.0.1:{PORT + 1}", 421),
        (f"evil.example:{PORT}", 421),
        (f"127.0.0.1.evil.example:{PORT}", 421),
        (f"[::1]:{PORT}", 421),
        ("", 421),
    ],
)
def test_other_hosts_are_refused(served, host, code):
    assert status(served, "/", Host=host) == code


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        f"http://127.0.0.1:{PORT + 1}",
        f"https://127.0.0.1:{PORT}",
        f"http://localhost:{PORT}",
    ],
)
def test_other_origins_are_refused(served, origin):
    assert status(served, "/", Origin=origin) == 403
    assert status(served, "/cancel", "POST", Origin=origin) == 403


def test_what_changes_something_must_name_its_origin(served):
    assert status(served, "/drops", "POST") == 403
    assert status(served, "/drops", "POST", Origin=OWN) == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_other_sites_reach_the_page_alone(served, site):
    """Another port of this machine is the same site, and gets the cookie."""
    assert status(served, "/images?since=0", Sec_Fetch_Site=site) == 403
    assert status(served, "/page.js", Sec_Fetch_Site=site) == 403
    assert status(served, "/", Sec_Fetch_Site=site) == 200
    assert status(served, "/page.js", Sec_Fetch_Site="same-origin") == 200


@pytest.mark.parametrize(
    "address", ["/", "/?token=wrong", "/page.css", "/nothing", "/images/9/view"]
)
def test_every_answer_forbids_what_the_page_does_not_need(served, address):
    headers = served.client.get(address).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


def test_the_page_names_no_address_outside_of_itself(served):
    texts = [html_page.STYLE, view.asset("view.css"), *map(view.asset, view.SCRIPTS)]
    static = [path for path in files("unsmear.local_page.static").iterdir() if path.is_file()]
    texts += [path.read_text() for path in static]
    assert len(texts) > 8
    for text in texts:
        assert set(re.findall(r"\bhttps?:[^\"'\s)]*", text)) <= {"http://www.w3.org/2000/svg"}
    for name in ("index.html", *(path.name for path in static)):
        address = "/" if name == "index.html" else f"/{name}"
        assert served.client.get(address).status_code == 200
