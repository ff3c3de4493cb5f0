"""Leases: a living process keeps what it has, a killed one does not."""

import pytest

from unsmear import lease
from unsmear.lease import Lease


def test_a_lease_is_taken_until_it_is_given_back(tmp_path):
    path, clock = tmp_path / "lease", tmp_path / "clock"
    assert lease.state(path, clock) == "free"
    with Lease.take(path, lease.new_owner()).renewing():
        assert lease.state(path, clock) == "taken"
    assert lease.state(path, clock) == "free"


def test_an_owner_that_has_ended_leaves_an_orphan(tmp_path):
    path, clock = tmp_path / "lease", tmp_path / "clock"
    machine, _, name = lease.new_owner().split(" ")
    Lease.take(path, f"{machine} {2**22 + 1} {name}")  # more than any process number of Linux
    assert lease.state(path, clock) == "orphaned"
    assert Lease.take(path, lease.new_owner()).held()


def test_who_may_only_read_sees_it_too(tmp_path, monkeypatch):
    path = tmp_path / "lease"
    Lease.take(path, lease.new_owner())
    assert lease.state(path, tmp_path / "missing" / "clock") == "taken"


@pytest.mark.parametrize("cut", ["", "machine", "machine 12"])
def test_a_lease_that_was_cut_short_is_nobodys(tmp_path, cut):
    path = tmp_path / "lease"
    path.write_text(cut)
    assert lease.state(path, tmp_path / "clock") != "taken"
