"""Images for the local page, and a session of it whose worker is a thread of this process."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import unsmear
from unsmear import Image

pytest.importorskip("starlette", reason="the page needs the extra `open`")
pytest.importorskip("httpx2", reason="the tests of the server need httpx2")

PORT = 8421
ADDRESS = f"http://127.0.0.1:{PORT}"


def cells(side=96, seed=1, motion=None, channels=1):
    """Return an image of small cells, which may have moved."""
    generator = np.random.default_rng(seed)
    planes = []
    for _ in range(channels):
        spots = np.zeros((side, side), np.float32)
        places = generator.integers(0, side, (2, side * side // 150))
        spots[*places] = generator.uniform(0.3, 1, places.shape[1])
        plane = 4e4 * gaussian_filter(spots, 1.2)
        planes.append(plane if motion is None else unsmear.convolve(plane, motion.kernel()))
    counts = generator.poisson(np.clip(np.array(planes), 0, None) + 100).astype(np.uint16)
    return Image(counts, "CYX") if channels > 1 else Image(counts[0], "YX")


@pytest.fixture(scope="session")
def draw_cells():
    """Return the function that draws cells."""
    return cells


class Inline:
    """A worker that is a thread: `ask` does the work, `stop` lets what waits for `stopped` end."""

    def __init__(self, make):
        self.work, self.stopped = make(), threading.Event()
        self.work.stopped = self.stopped

    def ask(self, name, *arguments, news):
        from unsmear.local_page.worker import StoppedError

        answer = getattr(self.work, name)(news, *arguments)
        if self.stopped.is_set():
            self.stopped.clear()
            raise StoppedError("stopped.")
        return answer

    def stop(self):
        self.stopped.set()


class Fake:
    """Work that looks at images as the page does, and then does what a test says."""

    def __init__(self):
        self.asked = []

    def see(self, news, item, folder):
        from unsmear.local_page import looking

        return looking.see(news, item, folder)

    def estimate(self, news, item, folder):
        return []

    def begin(self, news, batch):
        self.asked.append(batch)

    def restore(self, news, item, folder):
        from unsmear.local_page.work import Done
        from unsmear.local_page.worker import LOST, LostError

        news("restoring", 1, 4)
        if "crash" in item.id:
            raise LostError(LOST)
        if "slow" in item.id:
            self.stopped.wait(20)
            return None
        output = self.asked[-1].output / f"{item.stem}.tif"
        unsmear.write(output, item.read())
        return Done("restored", "Restored.", (output,))

    def end(self, news, batch):
        self.asked.append("end")


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Return a session with its client, its tokens and what waits for a state."""
    from starlette.testclient import TestClient

    from unsmear.local_page import jobs
    from unsmear.local_page.app import create
    from unsmear.local_page.security import Tokens
    from unsmear.local_page.session import Session

    monkeypatch.setattr(jobs, "Worker", Inline)
    session, tokens = Session(tmp_path / "session", Fake), Tokens(PORT)
    client = TestClient(create(session, tokens), base_url=ADDRESS, raise_server_exceptions=False)
    client.cookies.set(tokens.cookie, tokens.token)
    client.headers["Origin"] = ADDRESS

    def until(key, wanted):
        """Return an image as soon as it is as wanted."""
        change = 0
        while True:
            change, fresh, _ = session.shelf.since(change, 60)
            assert fresh, f"image {key} has not changed for long: {session.shelf.shown}"
            shown = session.shelf.shown.get(key)
            if shown is not None and wanted(shown):
                return shown

    def drop(**files):
        """Drop files by their names with __ for the dot; return the answer."""
        number = client.post("/drops").json()["drop"]
        for name, data in files.items():
            answer = client.put(f"/drops/{number}/{name.replace('__', '.')}", content=data)
            assert answer.status_code == 200, answer.text
        return client.post(f"/drops/{number}").json()

    yield SimpleNamespace(session=session, client=client, tokens=tokens, until=until, drop=drop)
    session.close()


@pytest.fixture
def tiff(tmp_path):
    """Return a function that gives the bytes of a TIFF of small cells."""

    def written(**options):
        unsmear.write(tmp_path / "made.tif", cells(**{"side": 48, **options}))
        return (tmp_path / "made.tif").read_bytes()

    return written
