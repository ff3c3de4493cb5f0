"""Which results of earlier calls stay in an output folder, and which of them differ in options."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from unsmear import resume
from unsmear.batches.entry import Entry, Input
from unsmear.batches.record import Record, Session
from unsmear.errors import OptionError

NAMED = 3
"""Largest number of results that a sentence names."""


@dataclass(frozen=True)
class Kept:
    """Results of earlier calls that a call leaves as they are.

    there: those of its own images, which it does not make again, by file. parts: images of a file
    that holds several, of which others are missing. beside: those of other images.
    """

    there: Mapping[str, tuple[Entry, ...]]
    parts: frozenset[str]
    beside: tuple[Entry, ...]


def kept(
    record: Record,
    asked: Mapping[str, tuple[Input, ...]],
    resumed: bool,
    whole: Callable[[Entry], bool] = lambda _: True,
) -> Kept:
    """Return what a call leaves of earlier results.

    asked: the input files of each of its images, by the id of the file. resumed: whether results
    that are there are left; otherwise those of all its images are made again. whole: whether all
    that is asked for beside a result is there.
    """
    by_item: dict[str, list[Entry]] = defaultdict(list)
    for entry in record.entries.values():
        if entry.done and all((record.output / path).exists() for path in entry.outputs):
            by_item[entry.item or entry.image].append(entry)
    there: dict[str, tuple[Entry, ...]] = {}
    parts: list[str] = []
    for item, inputs in asked.items():
        known = [entry for entry in by_item.get(item, ()) if entry.of_inputs(inputs)]
        known = [entry for entry in known if resumed and whole(entry)]
        if resumed and known and len(known) >= known[0].of:
            there[item] = tuple(known)
        elif resumed:
            parts += [entry.image for entry in known]
    beside = [entry for item, known in by_item.items() if item not in asked for entry in known]
    return Kept(there, frozenset(parts), tuple(beside))


def differing(record: Record, entries: Iterable[Entry], session: Session) -> dict[str, list[Entry]]:
    """Return the results that were made with other options, by what differs, in words."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        phrase = difference(record.session_of(entry).decisive, session.decisive)
        if phrase:
            found[phrase].append(entry)
    return found


def difference(begun: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Return what differs between options, old value first; "" where nothing does."""
    names = resume.differing(begun, asked)
    if "command" in names:
        names = ["command"]  # its options are others
    elif "method" in names:
        names = [name for name in names if name != "weights"]
    return ", ".join(
        f"{_named(name)} {_shown(begun.get(name))} (now {_shown(asked.get(name))})"
        for name in names
    )


def refuse(output: object, mixed: Mapping[str, list[Entry]], command: str) -> None:
    """Raise OptionError where a resumed run would mix results of different options."""
    if mixed:
        again = "--overwrite makes" if command == "restore" else "a call without --resume makes"
        raise OptionError(
            f"{output}: a run must be resumed with the options that its results were made with, "
            f"got others: {_listed(mixed)}. Give the same options or another output folder; "
            f"{again} these results again."
        )


def sentence(output: object, mixed: Mapping[str, list[Entry]]) -> str:
    """Return a sentence on results of other options that stay beside the new ones; "" for none."""
    if not mixed:
        return ""
    return f"{output}: results made with other options stay beside the new ones: {_listed(mixed)}."


def groups(record: Record) -> Counter[str]:
    """Return how many results differ from the options of the last call, by what differs."""
    done = (entry for entry in record.entries.values() if entry.done)
    mixed = differing(record, done, record.sessions[-1])
    return Counter({phrase: len(entries) for phrase, entries in mixed.items()})


def _listed(mixed: Mapping[str, list[Entry]]) -> str:
    return "; ".join(
        f"{phrase} ({len(entries)}: {', '.join(entry.image for entry in entries[:NAMED])}"
        f"{', ...' if len(entries) > NAMED else ''})"
        for phrase, entries in mixed.items()
    )


def _named(name: str) -> str:
    return name if name in ("command", "unsmear", "weights") else f"--{name}"


def _shown(value: Any) -> str:
    if value is None:
        return "not given"
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return str(value)[:16] if isinstance(value, str) and len(value) == 64 else str(value)
