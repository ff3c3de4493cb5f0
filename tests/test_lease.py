"""Leases: a living process keeps what it has, a killed one does not."""

import threading
from contextlib import suppress

import pytest

from unsmear import lease
from unsmear.lease import Lease


def test_a_lease_is_taken_until_it_is_given_back(tmp_path):
    path, clock = tmp_path / "lease", tmp_path / "clock"
    assert lease.state(path, clock) == "free"
    with Lease.take(path, lease.new_owner(), clock).renewing():
        assert lease.state(path, clock) == "taken"
    assert lease.state(path, clock) == "free"


def test_an_owner_that_has_ended_leaves_an_orphan(tmp_path):
    path, clock = tmp_path / "lease", tmp_path / "clock"
    machine, _, name = lease.new_owner().split(" ")
    path.write_text(f"{machine} {2**22 + 1} {name}")  # more than any process number of Linux
    assert lease.state(path, clock) == "orphaned"
    assert Lease.take(path, lease.new_owner(), clock).held()


def test_who_may_only_read_sees_it_too(tmp_path, monkeypatch):
    path = tmp_path / "lease"
    Lease.take(path, lease.new_owner(), tmp_path / "clock")
    assert lease.state(path, tmp_path / "missing" / "clock") == "taken"


@pytest.mark.parametrize("cut", ["", "machine", "machine 12"])
def test_a_lease_that_was_cut_short_is_nobodys(tmp_path, cut):
    path = tmp_path / "lease"
    path.write_text(cut)
    assert lease.state(path, tmp_path / "clock") != "taken"


@pytest.mark.parametrize("orphaned", [False, True])
def test_of_several_that_take_it_at_once_one_has_it(tmp_path, orphaned):
    path, clock = tmp_path / "lease", tmp_path / "clock"
    if orphaned:
        machine, _, name = lease.new_owner().split(" ")
        path.write_text(f"{machine} {2**22 + 1} {name}")
    together, taken = threading.Barrier(8), []

    def take():
        together.wait()
        with suppress(FileExistsError):
            taken.append(Lease.take(path, lease.new_owner(), clock))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.held() for one in taken] == [True]


def test_who_writes_its_name_late_has_it(tmp_path):
    path = tmp_path / "lease"
    path.touch()
    writing = threading.Timer(lease.SETTLING / 3, path.write_text, [lease.new_owner()])
    writing.start()
    with pytest.raises(FileExistsError):
        Lease.take(path, lease.new_owner(), tmp_path / "clock")
    writing.join()
