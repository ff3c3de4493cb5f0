"""Cases are worked on in forked processes that have everything imported; one that ends or hangs is
found out, and the next goes on behind the case that did it.

A case follows from the seed, its sort and its descent (`guidance`) alone.
"""

import contextlib
import io
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.fuzz import checks, command_lines, corpus, guidance, mutation
from unsmear.batches import layout

CPU_SECONDS = 10
"""Longest a case may compute."""
WAITING_SECONDS = 30
"""Longest it may wait for something, such as a pipe; on a busy machine it waits for its turn, which
does not count."""
POLL = 0.5
"""Seconds between two looks at a process."""
MEMORY = 512 * 2**20
"""Largest rise of the resident memory in a case, bytes; the inputs have at most 4 MB."""
ADDRESSES = 8 * 2**30
"""Largest rise of the address space: a case ends in MemoryError there, and the machine lives."""
CASES = 500
"""Cases of one process, before a fresh one takes over."""
DRY = {True: 0.5, False: 0.9}
"""Share of the command lines with --dry-run, with long calls and without."""
READS_OFTEN = 8
"""How much more often than with long calls a file is read by itself: most of the time of a short
command goes into its words, which the lines have too."""
DEFAULTS = {"out", "demo", "runs", "tiny.zip"}
"""Where commands write: what is said, or their defaults, such as that of `unsmear export`."""
NAMES = ("a\nb{}", "\x1b[31m{}", "ä{}", "CON{}", "-o{}", "a b'\"{}", "x" * 240 + "{}", ".hidden{}",
         "a%s{}", "{}", "a=b{}", "a\u202e{}", "[ab]{}", "*{}")  # fmt: skip
"""Names that a changed file may take; {} is its ending."""


@dataclass
class Result:
    """What came of a case. wrong: (kind, text) of each fault. arcs: those that none had reached."""

    sort: str
    number: int
    descent: tuple = ()
    sample: str = ""
    words: list = field(default_factory=list)
    code: int | None = None
    seconds: float = 0.0
    memory: int = 0
    wrong: list = field(default_factory=list)
    arcs: list = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What is run. long: calls of a second are among it. place: folder of the cases."""

    seed: str
    samples: dict
    place: Path
    kept: Path
    long: bool


def run(plan, guide, numbers):
    """Yield the results of cases, in order."""
    numbers = list(numbers)
    while numbers:
        done = 0
        for result in _batch(plan, guide, numbers[:CASES]):
            done += 1
            yield result
        numbers = numbers[done:]


def _batch(plan, guide, numbers):
    """Yield the results of one process; the last is of the case that ended it, if one did."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(plan, guide, numbers, writing)
    os.close(writing)
    try:
        for result in _watched(guide, numbers, child, reading):
            guide.note(result)
            yield result
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


def _watched(guide, numbers, child, reading):
    """Yield results as a process sends them, and what ended it."""
    pending, left = b"", list(numbers)
    waited, cpu, before = 0.0, 0.0, 0.0
    while left:
        ready, _, _ = select.select([reading], [], [], POLL)
        if not ready:
            state, now = _state(child)
            waited += POLL if state == "S" and now == before else 0
            before = now
            if now - cpu > CPU_SECONDS or waited > WAITING_SECONDS:
                hung = f"{now - cpu:.0f} s of CPU, {waited:.0f} s of waiting"
                yield _ended(guide, left[0], ("hang", hung))
                return
            continue
        data = os.read(reading, 65536)
        if not data:
            _, status = os.waitpid(child, 0)
            yield _ended(guide, left[0], ("crash", f"wait status {status}"))
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            left.pop(0)
            yield Result(**json.loads(line))
        waited, cpu = 0.0, _state(child)[1]


def _ended(guide, number, fault):
    """Return the result of a case that did not come to its end."""
    return Result(guide.sort, number, guide.descent(number), wrong=[fault])


def _state(process):
    """Return whether a process sleeps ("S"), or could run if it were let, and its CPU seconds."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0.0
    return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _work(plan, guide, numbers, writing):
    """Work on cases in this process, and end it."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ADDRESSES, size + ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    streams = _own_streams(plan.place)
    os.environ["UNSMEAR_HOME"] = str(plan.place / "home")
    os.environ["UNSMEAR_TRACEBACK"] = "1"  # of what nobody foresaw
    for number in numbers:
        try:
            result = _case(plan, guide, number, streams)
        except Exception:
            result = _ended(guide, number, ("fault of the fuzzer", traceback.format_exc()))
        guide.note(result)
        os.write(writing, json.dumps(asdict(result)).encode() + b"\n")
    os._exit(0)


def _own_streams(place):
    """Lead stdout and stderr, those of C libraries too, into files; return these."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    streams = []
    for number, name in ((1, "out"), (2, "err")):
        path = place / f"printed-{os.getpid()}-{name}"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
        path.unlink()
        stream = io.TextIOWrapper(io.FileIO(number, "w", closefd=False), write_through=True)
        setattr(sys, f"std{name}", stream)
        streams.append(number)
    return streams


def _printed(number):
    size = os.fstat(number).st_size
    text = os.pread(number, min(size, 2**20), 0).decode("utf-8", "replace")
    os.ftruncate(number, 0)
    return text


def _case(plan, guide, number, streams):
    """Make a case, run it, and look at what it left."""
    place = plan.place / f"{guide.sort}-{number}"
    work = place / "work"
    (work / "in").mkdir(parents=True)
    result = Result(guide.sort, number, guide.descent(number))
    os.chdir(work)
    make = _file if guide.sort == "files" else _line
    environment = make(plan, guide, work / "in", work / "out", result)
    before = checks.tree(work / "in")
    beside = set(os.listdir(work)) | set(os.listdir(place))
    _forget_peak()
    resident, began = _resident("VmRSS"), time.process_time()
    with guidance.arcs() as reached:
        result.code, error = _called(result.words, environment)
    result.arcs = sorted(reached - guide.reached)
    result.seconds = time.process_time() - began
    result.memory = max(0, _resident("VmHWM") - resident)
    out, err = map(_printed, streams)
    result.wrong += checks.of_answer(result.code, out, err + error)
    if result.memory > MEMORY:
        result.wrong.append(("memory", f"{result.memory >> 20} MiB"))
    changed = checks.changed(before, checks.tree(work / "in"))
    if changed and not _may_change(result.words, changed):
        result.wrong.append(("input changed", ", ".join(changed)))
    new = (set(os.listdir(work)) | set(os.listdir(place))) - beside - DEFAULTS
    asked = {part.partition("/")[0] for w in result.words for part in (w, w.rpartition("=")[2])}
    asked |= {layout.record(work / "out").name}  # of a batch
    if new - asked:
        result.wrong.append(("written elsewhere", ", ".join(sorted(new - asked))))
    result.wrong += checks.of_output(work / "out", work / "in")
    os.chdir(plan.place)
    _put_away(plan, place, result)
    return result


def _may_change(words, changed):
    """Return whether a command is there to change these: the card of weights says of their ONNX."""
    return words[0] == "export" and all(path.endswith(".json") for path in changed)


def _file(plan, guide, given, out, result):
    """Write a sample, a file changed by each case of the descent; the words that read the last."""
    files = {}
    for number in result.descent:
        chosen, result.sample = guide.draws(number)
        sample = plan.samples[result.sample]
        files = files or dict(sample.files)
        target = chosen.choice(sample.targets or tuple(files))
        files[target] = mutation.mutate(chosen, target, files[target])
    corpus.write(files, given)
    corpus.write(sample.out, out)
    path = given / target
    if sample.renamed and chosen.random() < 0.05:
        ending = target[target.index(".") :]
        name = chosen.choice(NAMES).format(ending)
        path = path.rename(path.with_name(name))
    calls = sample.calls + (sample.long if plan.long and chosen.random() < 0.1 else ())
    often = 1 if plan.long else READS_OFTEN
    weights = [weight * (often if words[0] == "reads" else 1) for weight, words in calls]
    (_, words), = chosen.choices(calls, weights)  # fmt: skip
    result.words = _filled(words, given, out, path)
    return {name: value.replace("{in}", str(given)) for name, value in sample.environment.items()}


def _line(plan, guide, given, out, result):
    """Write some sound files, and draw a command line, changed by each case of the descent."""
    files = {"x.png": plan.samples["grey.png"].files["grey.png"],
             "t.tif": plan.samples["plain.tif"].files["plain.tif"],
             **plan.samples["kernel k.txt"].files, **plan.samples["card"].files,
             **{f"pairs/{n}": d for n, d in plan.samples["manifest.csv"].files.items()},
             **{f"batch/{n}": d for n, d in plan.samples["record of a batch"].files.items()},
             **plan.samples["run.toml"].files}  # fmt: skip
    corpus.write(files, given)
    here, words = command_lines.given_files(given), []
    for number in result.descent:
        chosen, result.sample = guide.draws(number)
        words = (command_lines.changed(chosen, result.sample, words, here) if words else
                 command_lines.draw(chosen, result.sample, here, DRY[plan.long]))  # fmt: skip
    bounds = command_lines.BOUNDS.get(result.sample, ())
    result.words = _filled((*words, *bounds), given, out, given)
    return {}


def _filled(words, given, out, path):
    places = {"{in}": str(given), "{out}": str(out), "{file}": str(path)}
    filled = []
    for word in words:
        for name, value in places.items():
            word = word.replace(name, value)
        filled.append(word)
    return filled


def _called(words, environment):
    """Run a command or a reader; return the exit code, and a traceback of what it raised."""
    from tests.fuzz import reading
    from unsmear.cli import main
    from unsmear.errors import UnsmearError

    os.environ.update(environment)
    try:
        if words[0] == "reads":
            reading.READERS[words[1]](*words[2:])
            return 0, ""
        sys.argv = ["unsmear", *words]
        main()
    except UnsmearError as error:
        return 1, str(error)
    except MemoryError:
        return 1, "MemoryError" if words[0] == "reads" else traceback.format_exc()
    except SystemExit as stopped:
        return int(stopped.code or 0), ""
    except BaseException:
        return -1, traceback.format_exc()
    finally:
        for name in environment:
            del os.environ[name]
    return 0, ""


def _forget_peak():
    """Let the system measure the largest resident memory anew."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _resident(what):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    return 0


def _put_away(plan, place, result):
    """Keep the files of a case that has faults; delete all others."""
    if result.wrong:
        plan.kept.mkdir(parents=True, exist_ok=True)
        kept = plan.kept / place.name
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(place, kept)
        (kept / "result.json").write_text(json.dumps(asdict(result), indent=2))
    else:
        shutil.rmtree(place, ignore_errors=True)
