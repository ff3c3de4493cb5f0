"""Results are downloaded, one or all, with what lies beside them."""

import io
import zipfile

from tests.local_page.states import restored, seen


def test_the_uncertainty_is_downloaded_with_the_result(served, tiff):
    served.drop(cell__tif=tiff())
    served.until("1", seen)
    served.client.post("/restore", json={"images": ["1"]})
    (result,) = served.until("1", restored).outputs
    band = result.with_name("cell.tif.error.tif")
    band.write_bytes(b"band")
    told = served.session.shelf.put("1", beside=(band,)).to_dict()
    assert told["results"] == ["cell.tif", "cell.tif.error.tif"]
    with zipfile.ZipFile(io.BytesIO(served.client.get("/images/1/result").content)) as file:
        assert file.namelist() == told["results"]
    assert served.client.get("/images/1/part/restored?pixels=24").status_code == 200


def test_results_of_one_name_are_all_downloaded(served, tiff):
    for seed, key in enumerate(("1", "2"), 1):
        served.drop(cell__tif=tiff(seed=seed))
        served.until(key, seen)
    served.client.post("/restore", json={"images": ["1", "2"]})
    results = [served.until(key, restored).outputs[0].read_bytes() for key in ("1", "2")]
    with zipfile.ZipFile(io.BytesIO(served.client.get("/results").content)) as file:
        assert file.namelist() == ["drop-1/cell.tif", "drop-2/cell.tif"]
        assert [file.read(name) for name in file.namelist()] == results
    assert results[0] != results[1]


def test_nothing_stays_of_a_zip_file_that_has_no_room(served, tiff, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    served.drop(cell__tif=tiff())
    served.until("1", seen)
    served.client.post("/restore", json={"images": ["1"]})
    served.until("1", restored)
    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    answer = served.client.get("/results")
    assert answer.json()["error"] == (
        "the zip file of the results cannot be written (No space left on device)."
    )
    assert not list(served.session.folder.glob("*.zip"))
