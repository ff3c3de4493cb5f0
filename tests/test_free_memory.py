"""The budget of memory is what the user gives, or half of what is free."""

import pytest

from unsmear import free_memory
from unsmear.cluster import Where, opened
from unsmear.errors import OptionError


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), ("1.5 GiB", 3 * 2**29), ("800mb", 8 * 10**8), ("64KiB", 2**16), ("7", 7)],
)
def test_sizes_as_they_are_typed(text, size):
    assert free_memory.parse(text) == size
    assert Where(memory=text).memory_size == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "0", "1e9", "²GB", "9" * 5000, "1 2GB", "nan"])
def test_what_is_no_size(text):
    with pytest.raises(OptionError, match=r"^--memory must be a size such as 2GB or 800MB, got '"):
        Where(memory=text).check()


def test_what_is_given_is_the_budget_inside_alone(monkeypatch):
    monkeypatch.setattr(free_memory, "_of_machine", lambda: 1000)
    monkeypatch.setattr(free_memory, "_of_group", lambda: None)
    assert free_memory.budget() == 500
    with opened(Where(memory="1GB")) as workers:
        assert list(workers.map_tasks(lambda _: free_memory.budget(), [1])) == [6 * 10**8]
        with free_memory.limited(10):
            assert free_memory.budget() == 0
    assert free_memory.budget() == 500
