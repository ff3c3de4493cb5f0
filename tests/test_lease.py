"""Leases: a living process keeps what it has, a killed one does not."""

import errno
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from unsmear import lease, processes
from unsmear.errors import DataError
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


@pytest.mark.parametrize(
    "cut",
    ["", "machine", "machine 12", "machine x 1", "a 1 b c", "m " + "9" * 5000 + " u", "\ud800"],
)
def test_a_lease_that_was_cut_short_is_nobodys(tmp_path, cut):
    path = tmp_path / "lease"
    path.write_bytes(cut.encode("utf-8", "surrogatepass"))
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


def aged(path):
    """Let a lease look as if nobody had touched it for an hour, as after the machine's sleep."""
    os.utime(path, (time.time() - 3600,) * 2)
    return path


@pytest.mark.skipif(not processes.began(os.getpid()), reason="the system does not say when")
def test_a_process_that_slept_with_its_machine_keeps_its_lease(tmp_path):
    path, clock = tmp_path / "lease", tmp_path / "clock"
    held = Lease.take(path, lease.new_owner(), clock)
    assert lease.state(aged(path), clock) == "taken"
    with pytest.raises(FileExistsError):
        Lease.take(path, lease.new_owner(), clock)
    assert held.held()


@pytest.mark.skipif(not processes.began(os.getpid()), reason="the system does not say when")
def test_a_process_that_took_over_the_number_of_another_does_not_hold_its_lease(tmp_path):
    path, clock = tmp_path / "lease", tmp_path / "clock"
    path.write_text(f"{lease.new_owner()}9")
    assert lease.state(path, clock) == "orphaned"


@pytest.mark.parametrize("owner", ["{machine} {own} x", "{machine} {own} x@earlier/3", "other 1 x"])
def test_where_only_touches_can_tell_an_hour_without_them_is_enough(tmp_path, owner):
    """Of an older version, from before a restart, and of another machine."""
    path, clock = tmp_path / "lease", tmp_path / "clock"
    path.write_text(owner.format(machine=processes.machine(), own=os.getpid()))
    assert lease.state(path, clock) == "taken"
    assert lease.state(aged(path), clock) == "orphaned"


def test_a_process_that_nobody_has_waited_for_has_ended():
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    child.stdout.read()
    deadline = time.monotonic() + 20
    while processes.began(child.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes.began(child.pid) == ""
    child.wait()


def test_a_folder_without_rights_is_named(tmp_path, monkeypatch):
    """Neither the lease nor its clock can be written there, or deleted."""

    def refused(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    for name in ("open", "touch", "unlink"):
        monkeypatch.setattr(lease.Path, name, refused)
    wrong = pytest.raises(
        DataError, match=r"lease: the lease cannot be written \(Permission denied"
    )
    with wrong, lease.holding(tmp_path / "lease", tmp_path):
        pass
