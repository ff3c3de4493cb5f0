"""Files that are dropped on the page: taken once, in bounds, and named where they are no images."""

import pytest

from tests.local_page.states import seen


def test_the_four_files_of_a_field_are_one_image(served, tiff):
    field = {f"ID_{colour}__tif": tiff(seed=n) for n, colour in enumerate(("red", "green", "blue"))}
    assert served.drop(**field)["images"] == 1
    assert served.until("1", seen).channels == ("red", "green", "blue")


def test_a_damaged_file_is_named_with_the_reason_and_the_others_go_on(served, tiff):
    assert served.drop(bad__tif=tiff()[:2000], good__tif=tiff())["images"] == 2
    bad, good = served.until("1", lambda s: s.state == "failed"), served.until("2", seen)
    assert bad.sentences == ("bad.tif: the TIFF file is cut short after 2000 bytes.",)
    assert good.item.id == "good"
    for address in ("view", "part/recorded"):
        answer = served.client.get(f"/images/1/{address}")
        assert (answer.status_code, answer.json()["error"]) == (
            400,
            "bad: there is no picture yet.",
        )


def test_what_is_no_image_is_named_without_the_folder_it_came_to(served):
    told = served.drop(notes__txt=b"hello", empty__tif=b"")
    text = " ".join(told["remarks"]) + " ".join(
        served.until("1", lambda s: s.state == "failed").sentences
    )
    assert "notes.txt" in text
    assert "empty.tif: the file is empty" in text
    assert "/drops/" not in text
    assert served.drop(notes__txt=b"hello")["images"] == 0


@pytest.mark.parametrize(
    ("bound", "value", "sentence"),
    [
        ("largest", 100, "must have at most 9.54e-05 MiB"),
        ("all", 100, "all files that are dropped must have at most"),
        ("most", 0, "at most 0 files can be dropped"),
    ],
)
def test_uploads_are_bounded(served, bound, value, sentence):
    setattr(served.session.uploads, bound, value)
    drop = served.client.post("/drops").json()["drop"]

    def stream():
        yield b"x" * 90
        yield b"x" * 90

    for content in (b"x" * 180, stream()):  # with its size declared, and without
        answer = served.client.put(f"/drops/{drop}/a.tif", content=content)
        assert answer.status_code == 400
        assert sentence in answer.json()["error"]
        assert "unsmear open FOLDER" in answer.json()["error"]
    assert not list(served.session.folder.rglob("a.tif"))


@pytest.mark.parametrize(
    "name", ["../a.tif", "a/../../b.tif", "%2e%2e/a.tif", "/etc/a.tif", "a%00b.tif", "a%5Cb.tif",
             "c:a.tif", "a/b/c/d/e/f/g/h/i.tif", "x" * 201],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(served, name):
    drop = served.client.post("/drops").json()["drop"]
    answer = served.client.put(f"/drops/{drop}/{name}", content=b"x")
    assert answer.status_code in (400, 404, 405)
    assert not [path for path in served.session.folder.parent.rglob("*") if path.is_file()]


def test_a_name_is_taken_once_and_a_drop_ends(served):
    drop = served.client.post("/drops").json()["drop"]
    assert served.client.put(f"/drops/{drop}/f/a.tif", content=b"x").status_code == 200
    answer = served.client.put(f"/drops/{drop}/f/a.tif", content=b"y")
    assert answer.json()["error"] == "a.tif: a file of this name was dropped before."
    assert [path.read_bytes() for path in served.session.folder.rglob("a.tif")] == [b"x"]
    answer = served.client.put(f"/drops/{drop}/f/a.tif/b.tif", content=b"y")
    assert answer.json()["error"].startswith("b.tif: the file cannot be taken (")
    served.client.post(f"/drops/{drop}")
    for address in (f"/drops/{drop}/b.tif", "/drops/77/b.tif"):
        assert served.client.put(address, content=b"x").status_code == 400


def test_a_file_that_comes_after_the_end_of_its_drop_is_refused(served, monkeypatch):
    async def late(drop, *given):
        path = await receive(drop, *given)
        served.session.end_drop(drop)
        return path

    receive = served.session.uploads.receive
    monkeypatch.setattr(served.session.uploads, "receive", late)
    drop = served.client.post("/drops").json()["drop"]
    answer = served.client.put(f"/drops/{drop}/a.tif", content=b"x")
    assert answer.status_code == 400
    assert answer.json()["error"] == "The file came after the end of its drop; drop it again."
    assert not list(served.session.folder.rglob("a.tif"))
