"""What is done with the images on the page: one thing at a time, by the worker process.

New images are looked at first, then what was asked to be restored, then movements are estimated.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from unsmear.errors import UnsmearError, unforeseen
from unsmear.local_page import advice
from unsmear.local_page.looking import ESTIMATING, LOOKING
from unsmear.local_page.shelf import Shelf, Shown
from unsmear.local_page.work import Batch, Done, Finding, Seen, Wanted, Work
from unsmear.local_page.worker import LostError, StoppedError, Worker

WAITING = "waiting"
"""What is said of images that wait to be restored."""
STOPPED = "Stopped; no result was written."
"""What is said of an image whose work was stopped."""


@dataclass
class Group:
    """Images that are restored in one go, of which some are still waiting.

    last: the one that was begun last, "" where none was.
    """

    batch: Batch
    waiting: deque[str] = field(default_factory=deque)
    last: str = ""


class Jobs:
    """Queues of what is to be done, and the thread that has it done."""

    def __init__(self, shelf: Shelf, make: Callable[[], Work]) -> None:
        self.shelf = shelf
        self._worker = Worker(make)
        self._ready = threading.Condition()
        self._unseen: deque[str] = deque()
        self._unestimated: deque[str] = deque()
        self._groups: deque[Group] = deque()
        self._begun: Group | None = None
        self._current = ""
        self._doing: Callable[[str], None] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="unsmear jobs", daemon=True)
        self._thread.start()

    def look_at(self, images: Sequence[Shown]) -> None:
        """Have images looked at, and the movements in them estimated."""
        with self._ready:
            self._unseen.extend(shown.key for shown in images)
            self._ready.notify()

    def restore(self, images: Sequence[Shown], wanted: Wanted) -> int:
        """Have images restored, those that lie together, by the same axes, in one go.

        Returns how many.

        Those that are being restored, or wait for it, are left out.
        """
        with self._ready:
            free = [shown for shown in images if not self._is_restoring(shown.key)]
            together: dict[tuple[int, str], list[Shown]] = {}
            for shown in free:
                together.setdefault((id(shown.place), shown.axes), []).append(shown)
            for own in together.values():
                batch = self._batch(own, wanted)
                self._groups.append(Group(batch, deque(shown.key for shown in own)))
            for shown in free:
                self.shelf.put(shown.key, busy=WAITING, done=0, total=0)
            self._ready.notify()
        return len(free)

    def _batch(self, chosen: Sequence[Shown], wanted: Wanted) -> Batch:
        place, ids = chosen[0].place, tuple(shown.item.id for shown in chosen)
        beside = [one.item for one in list(self.shelf.shown.values()) if one.place is place]
        survey = replace(place.survey, items=beside)  # a file of several is now its images
        recorded, axes = place.recorded, chosen[0].axes
        return Batch(wanted, place.inputs, survey, ids, place.output, recorded, axes)

    def _is_restoring(self, key: str) -> bool:
        """Return whether an image is being restored, or waits for it; `_ready` must be held."""
        return self._waits(key) or (key == self._current and self._doing == self._restore)

    def _waits(self, key: str) -> bool:
        return any(key in group.waiting for group in self._groups)

    def _put(self, key: str, busy: str, **changes: Any) -> Shown | None:
        """Change what is known of an image; one that waits to be restored goes on waiting."""
        with self._ready:
            if self._waits(key):
                busy, changes = WAITING, {**changes, "done": 0, "total": 0}
            return self.shelf.put(key, busy=busy, **changes)

    def cancel(self, keys: Sequence[str]) -> None:
        """Stop what is done with images, and what is to be done."""
        with self._ready:
            dropped = [key for key in keys if self._forget(key) and key != self._current]
            # Nothing else is begun before it has ended. Looking, which all else needs, goes on.
            if self._current in keys and self._doing != self._see:
                self._worker.stop()
                self._begun = None
        for key in dropped:
            self.shelf.put(key, busy="")

    def close(self) -> None:
        """Stop everything."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        self._worker.stop()
        self._thread.join(timeout=10)

    def _forget(self, key: str) -> bool:
        """Take an image out of the queues; return whether it waited to be restored."""
        had_waited = False
        for group in self._groups:
            if key in group.waiting:
                group.waiting.remove(key)
                had_waited = True
        if key in self._unestimated:
            self._unestimated.remove(key)
        return had_waited

    def _run(self) -> None:
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._closed or self._next() is not None)
                if self._closed:
                    return
                do, self._current = self._next() or (self._see, "")
                self._take(do)
            try:
                do(self._current)
            # Whatever happens to one image, the others go on.
            except Exception as error:
                sentence = unforeseen(error)
                self._put(self._current, busy="", state="failed", sentences=(sentence,))
            with self._ready:
                self._current, self._doing = "", None

    def _next(self) -> tuple[Callable[[str], None], str] | None:
        """Return what is done next, and with which image; "" where a batch is ended."""
        if self._unseen:
            return self._see, self._unseen[0]
        while self._groups and not self._groups[0].waiting:
            if self._groups[0].last:
                return self._end, ""
            self._groups.popleft()
        if self._groups:
            return self._restore, self._groups[0].waiting[0]
        return (self._estimate, self._unestimated[0]) if self._unestimated else None

    def _take(self, do: Callable[[str], None]) -> None:
        self._doing = do
        if do == self._see:
            self._unseen.popleft()
        elif do == self._restore:
            self._groups[0].waiting.popleft()
        elif do == self._estimate:
            self._unestimated.popleft()

    def _asked(self, key: str, name: str, *arguments: Any) -> Any:
        """Return the worker's answer; None where it was stopped or failed, which the page shows."""

        def news(what: str, done: int = 0, total: int = 0) -> None:
            self._put(key, busy=what, done=done, total=total)

        try:
            return self._worker.ask(name, *arguments, news=news)
        except StoppedError:
            self._put(key, busy="", sentences=(STOPPED,), advice=())
        except UnsmearError as error:
            if isinstance(error, LostError):
                self._begun = None
            self._put(key, busy="", state="failed", sentences=(str(error),), advice=())
        return None

    def _see(self, key: str) -> None:
        shown = self._put(key, busy=LOOKING)
        if shown is None:
            return
        look: Seen | None = self._asked(key, "see", shown.item, shown.folder)
        if look is None:
            return
        if look.items:
            self.shelf.remove(key)
            added = self.shelf.add(look.items, shown.place, shown.folder.parent)
            for one in added:
                self.shelf.put(one.key, axes=shown.axes)
            self.look_at(added)
            return
        if look.unnamed:
            sentences = (look.unnamed,)
            self._put(key, busy="", state="failed", unnamed=True, sentences=sentences)
            return
        known = {"about": look.about, "planes": look.planes, "channels": look.channels}
        self._put(key, busy="", state="seen", drawn=True, **known)
        with self._ready:
            self._unestimated.append(key)

    def _estimate(self, key: str) -> None:
        shown = self._put(key, busy=ESTIMATING, done=0, total=0)
        if shown is None or shown.state != "seen":  # restored meanwhile
            self._put(key, busy="")
            return
        findings = self._asked(key, "estimate", shown.item, shown.folder)
        if findings is not None:
            self._found(key, findings, state="estimated")

    def _restore(self, key: str) -> None:
        group, shown = self._groups[0], self._put(key, busy="starting")
        if shown is None:
            return
        if self._begun is not group and not self._begin(group, key):
            return
        group.last = key
        done: Done | None = self._asked(key, "restore", shown.item, shown.folder)
        if done is None:
            return
        states = {"restored": "restored", "failed": "failed"}
        state = states.get(done.action, "unchanged")
        failed = state == "failed"
        files = {"outputs": () if failed else done.outputs, "beside": () if failed else done.beside}
        self._found(key, done.estimates, state=state, said=done.sentence, **files)

    def _begin(self, group: Group, key: str) -> bool:
        """Begin a batch, those images of it that are left; return whether that could be."""
        waiting = [
            shown.item.id for k in (key, *group.waiting) if (shown := self.shelf.shown.get(k))
        ]
        begun = replace(group.batch, chosen=tuple(waiting))
        self._asked(key, "begin", begun)
        shown = self.shelf.shown[key]
        if shown.busy:  # neither stopped nor failed
            self._begun = group
            return True
        return False

    def _end(self, _: str) -> None:
        group = self._groups.popleft()
        self._begun = None
        try:
            self._worker.ask("end", group.batch, news=lambda *_: None)
        except UnsmearError as error:
            shown = self.shelf.shown.get(group.last)
            if shown is not None and not self._closed:
                self.shelf.put(group.last, sentences=(*shown.sentences, str(error)))

    def _found(self, key: str, findings: Sequence[Finding], said: str = "", **changes: Any) -> None:
        """Show what was found for each exposure. said: what was done, in a sentence."""
        shown = self.shelf.shown[key]
        words = tuple(filter(None, [said])) or advice.sentences(findings)
        what_to_do = tuple(dict.fromkeys(filter(None, map(advice.of, findings))))
        if changes["state"] == "unchanged" and shown.advice:
            what_to_do = shown.advice  # from the estimate, which knows more
        changes |= {"verdict": advice.verdict(findings), "sentences": words, "advice": what_to_do}
        self._put(key, busy="", drawn=True, **changes)
