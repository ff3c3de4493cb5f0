"""The worker is a process: what fails in it is a sentence, and it can be stopped at any moment."""

import threading
from pathlib import Path

import pytest

from unsmear import processes
from unsmear.errors import UnsmearError
from unsmear.local_page.worker import StoppedError, Worker


@pytest.mark.slow
def test_a_worker_answers_fails_in_words_and_can_be_stopped(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))  # where the process finds its work
    import fake_work

    told, worker = [], Worker(fake_work.Work)
    heard = threading.Event()

    def ask(name, *arguments):
        return worker.ask(name, *arguments, news=hear)

    def hear(*news):
        told.append(news)
        heard.set()

    def stop():
        heard.wait(60)
        worker.stop()

    process = ask("see", 0)
    assert told == [("sleeping", 1, 2)]
    with pytest.raises(UnsmearError, match=r"^cell.tif: the image must be another.$"):
        ask("restore", "cell.tif")
    with pytest.raises(UnsmearError, match=r"not foreseen \(ZeroDivisionError: .*please report it"):
        ask("begin", 0)
    assert ask("see", 0) == process
    with pytest.raises(UnsmearError, match="ended by the system, perhaps for lack of memory"):
        ask("estimate", 9)
    heard.clear()
    threading.Thread(target=stop).start()  # as soon as the work has begun
    with pytest.raises(StoppedError):
        ask("see", 600)
    again = ask("see", 0)
    assert again != process
    worker.stop()
    assert not processes.may_live(again)
