"""Networks as ONNX files, derived from weights and lying beside them; PyTorch is not needed.

`NAME.onnx` is written by `unsmear export` from `NAME.safetensors`, and `NAME.json` says its
checksum and what must be known of the network to use it. It runs on ONNX Runtime or OpenVINO. An
exported ONNX file or package says the same itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from threading import Lock
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from unsmear.checkpoints import onnx_file
from unsmear.checkpoints.checkpoint import DERIVED, SHIPPED, Place, card_name
from unsmear.choices import Runtime
from unsmear.cores import CORES
from unsmear.errors import MissingExtra, OptionError, WeightsError, error_text

Engine = Literal["torch", "onnx", "openvino"]
Array = NDArray[np.float32]
Run = Callable[[Mapping[str, Array]], list[Array]]
"""Outputs of a network in their order, by its inputs' names."""
ENDING = ".onnx"
FACTS = {"DeepWiener": ("versions", "stride", "halo")}
"""What must be known of networks beside the checksum of their file, by the network."""
LARGEST = 4097
"""Above every stride, halo and number of versions."""
EXPORT = (
    "; or run `unsmear export` on the weights where it is installed, which makes a file that does "
    "without"
)


@dataclass(frozen=True, eq=False)
class Derived:
    """A network that runs without PyTorch. facts: what its card says of the file."""

    run: Run
    facts: Mapping[str, Any]


def path_of(place: Place) -> Path:
    """Return where the ONNX file of weights lies, or the package with it."""
    return place.path if place.is_one_file else place.path.with_name(place.path.name + ENDING)


def facts(place: Place, card: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a card says of its ONNX file; None where there is none.

    Raises WeightsError for an entry that is incomplete.
    """
    entry = card.get(DERIVED)
    if not isinstance(entry, dict) or not path_of(place).is_file():
        return None
    needed = ("sha256", *FACTS.get(str(card["network"]), ()))
    missing = [name for name in needed if name not in entry]
    if missing:
        raise WeightsError(
            f"{card_name(place)}: the entry onnx must have {', '.join(needed)}, got no "
            f"{' and no '.join(missing)}; {_remedy(place)}"
        )
    wrong = [name for name in needed[1:] if not is_count(entry[name])]
    if wrong:
        raise WeightsError(
            f"{card_name(place)}: the entry onnx must have whole numbers above 0 as "
            f"{', '.join(wrong)}; {_remedy(place)}"
        )
    return entry


def is_count(value: Any) -> bool:
    """Return whether a fact is a whole number above 0 and below LARGEST."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < LARGEST


def is_whole(value: Any) -> bool:
    """Return whether a fact is 0 or as for `is_count`."""
    return is_count(value) or (isinstance(value, int) and not isinstance(value, bool) and not value)


def are_finite(values: Any) -> bool:
    """Return whether a fact is two finite numbers, those of black and white."""
    numbers = isinstance(values, (list, tuple)) and len(values) == 2
    return numbers and all(type(value) in (int, float) and isfinite(value) for value in values)


def check_facts(
    place: Place, what: str, said: Mapping[str, Any], rules: Mapping[str, Callable[[Any], bool]]
) -> None:
    """Raise WeightsError for a file that does not say what must be known to use its network.

    what: such a network, for the message. said: its facts. rules: whether a fact is good, by name.
    """
    wrong = [name for name, good in rules.items() if name not in said or not good(said[name])]
    if wrong:
        raise WeightsError(
            f"{place}: {what} must say its {', '.join(rules)}, of which {', '.join(wrong)} "
            f"{'is' if len(wrong) == 1 else 'are'} missing or out of range; {_remedy(place)}."
        )


def _remedy(place: Place) -> str:
    """Return what to do about a file that is no good."""
    if place.path.parent == SHIPPED:
        return "install unsmear again"
    if place.is_one_file:
        return "ask for it again where it came from"
    return f"make it again: unsmear export {place.path}"


def engine(place: Place, card: Mapping[str, Any], runtime: Runtime) -> Engine:
    """Return what computes the network of weights.

    Raises OptionError for an unknown runtime, MissingExtra where it is not installed, or where
    there is no ONNX file and PyTorch is not installed, and WeightsError for a file that is gone.
    """
    if runtime not in get_args(Runtime):
        raise OptionError(f"runtime must be auto, torch, onnx or openvino, got {runtime!r}.")
    known = facts(place, card) is not None
    wanted: Engine = ("onnx" if known else "torch") if runtime == "auto" else runtime
    if wanted == "torch" and place.is_one_file:
        raise OptionError(
            f"{place}: runtime must be auto, onnx or openvino for an exported network, got torch."
        )
    if wanted == "openvino" and find_spec("openvino") is None:
        raise MissingExtra("OpenVINO is not installed: pip install 'unsmear[openvino]'.")
    if (wanted == "torch" or not known) and find_spec("torch") is None:
        if DERIVED in card and not known:
            raise WeightsError(f"{place}{ENDING}: the file is missing; {_remedy(place)}")
        raise MissingExtra(
            f"{place}: PyTorch is needed: pip install 'unsmear[train]'{'' if known else EXPORT}."
        )
    return wanted


def precision(engine: Engine, exact: bool) -> str:
    """Return in what an engine multiplies: "float32" or "bfloat16". exact: as for `start`."""
    return "bfloat16" if engine == "openvino" and not exact and has_bfloat16() else "float32"


def has_bfloat16() -> bool:
    """Return whether OpenVINO is installed, works, and computes in bfloat16 on this processor."""
    if find_spec("openvino") is None:
        return False
    try:
        return _default_precision() == "bf16"
    except Exception:  # whatever a broken installation raises
        return False


@cache
def _default_precision() -> str:
    import openvino

    return str(openvino.Core().get_property("CPU", "INFERENCE_PRECISION_HINT").to_string())


def load(place: Place, card: Mapping[str, Any], engine: Engine, exact: bool = False) -> Derived:
    """Return the network of the ONNX file beside weights; exact: see `start`.

    The tensors themselves are not read: that the file is theirs is said by the card.

    Raises WeightsError for a file that is missing or damaged.
    """
    path, known = path_of(place), facts(place, card)
    if known is None:
        raise WeightsError(f"{path.name}: the file is missing; {_remedy(place)}")
    data = onnx_file.read(path)
    if sha256(data).hexdigest() != known["sha256"]:
        raise WeightsError(
            f"{path.name}: the file is damaged: its checksum must be that on the weights' card; "
            f"{_remedy(place)}"
        )
    onnx_file.metadata(path.name, data)  # raises where its numbers lie in other files
    return Derived(_reporting(path.name, partial(start, data, engine, exact)), known)


def _reporting(name: str, begin: Callable[[], Run]) -> Run:
    """Return a network whose failures name its file; a file may hold what no runtime computes."""

    def reported(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except MemoryError:
            raise
        except Exception as error:  # the runtimes' errors have no other common base class
            raise WeightsError(
                f"{name}: the network cannot be computed ({error_text(error)})."
            ) from error

    run: Run = reported(begin)
    return lambda inputs: list(reported(lambda: run(inputs)))


def start(data: bytes, engine: Engine = "onnx", exact: bool = False) -> Run:
    """Return the network in the bytes of an ONNX file, on all cores of this process.

    exact: whether single precision is kept where the processor has a faster one.
    """
    return _openvino(data, exact) if engine == "openvino" else _onnx(data)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt where an import failed of it.

    ONNX Runtime 1.32 makes an ImportError of what interrupts its start, and cannot be imported
    again by the same process.
    """
    try:
        yield
    except ImportError as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, KeyboardInterrupt):
                raise KeyboardInterrupt from error
            cause = cause.__cause__ or cause.__context__
        raise


def _onnx(data: bytes) -> Run:
    with _interruptible():
        import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = CORES
    # Threads that wait for the next call would take the cores from what prepares its planes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # tiles differ in size
    running = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def run(inputs: Mapping[str, Array]) -> list[Array]:
        whole = {name: np.ascontiguousarray(values) for name, values in inputs.items()}
        return list(running.run(None, whole))

    return run


def _openvino(data: bytes, exact: bool) -> Run:
    with _interruptible():
        import openvino

    core = openvino.Core()
    hints = {"INFERENCE_NUM_THREADS": CORES, "PERFORMANCE_HINT": "LATENCY"}
    if exact:
        hints["INFERENCE_PRECISION_HINT"] = "f32"
    compiled = core.compile_model(core.read_model(data, b""), "CPU", hints)

    lock = Lock()  # one request, which threads must not share

    def run(inputs: Mapping[str, Array]) -> list[Array]:
        whole = {name: np.ascontiguousarray(values) for name, values in inputs.items()}
        with lock:
            answers = compiled(whole)
            return [np.array(answers[output]) for output in compiled.outputs]

    return run
