"""Messages repeat a bounded part of what they got, and nothing that changes a terminal."""

import pytest

from unsmear.errors import (
    LONGEST,
    ImageError,
    MissingExtra,
    UnsmearError,
    error_text,
    shortened,
    shown,
)


@pytest.mark.parametrize("kind", [UnsmearError, ImageError, MissingExtra])
def test_no_control_character_is_printed(kind):
    error = kind("a\x1b[2Jb\nc\u202ed\x9bë.png: damaged.")
    assert str(error) == r"a\x1b[2Jb c\u202ed\x9bë.png: damaged."


def test_what_was_given_is_repeated_in_part():
    assert shown("cells") == "'cells'"
    assert len(shown("9" * 5000)) == len(error_text(ValueError("9" * 5000))) == LONGEST
    assert len(shortened("x " * 5000)) == LONGEST


def test_what_cannot_be_shown_is_named_by_its_kind():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    assert shown(10**5000) == "a int that is too long to be shown"
    assert shown(nested) == "a list that is too long to be shown"
    while nested:  # taken apart by hand: the interpreter's own way down is as deep
        nested = nested.pop()


def test_the_reason_of_the_system_is_preferred():
    assert error_text(OSError(28, "No space left on device", "x.png")) == "No space left on device"
    assert error_text(ValueError()) == "ValueError"


def test_a_message_fits_on_a_screen():
    error = str(ImageError(f"{'n' * 60_000}.png: the file cannot be written (File name too long)."))
    assert len(error) < 4000
    assert error.endswith("the file cannot be written (File name too long).")
