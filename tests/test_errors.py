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


@pytest.mark.parametrize("given", ["x" * 9999, repr("x y" * 999), repr("it's " * 999), "/a" * 999])
def test_any_message_repeats_at_most_two_hundred_characters(given):
    error = str(ImageError(f"a.png: the file's name must be the image's, got {given}; see above."))
    assert error.startswith("a.png: the file's name must be the image's, got ")
    assert error.endswith("; see above.")
    assert len(error) - len("a.png: the file's name must be the image's, got ; see above.") <= 200


def test_long_messages_of_short_words_stay_as_they_are():
    text = "; ".join(f"the image's file {number}, 'b', is the author's" for number in range(50))
    assert str(ImageError(text)) == text


def test_a_message_fits_on_a_screen():
    error = str(ImageError(f"{'n' * 60_000}.png: the file cannot be written (File name too long)."))
    assert len(error) < 4000
    assert error.endswith("the file cannot be written (File name too long).")
