"""Compare a lean restorer with the shipped ones, its cost and its PSNR, and write lean.md.

    OMP_NUM_THREADS=1 python benchmarks/lean.py [--data ../shared/data]
        [--run runs/lean] [--count 3]

The lean one is the state of a run of `recipes.weights.distil`. Some minutes on one core.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from recipes.weights import deep_wiener, distil
from recipes.weights.model_card import PHOTONS, cases
from recipes.weights.restorer_samples import Sample, prepare
from unsmear.checkpoints import checkpoint, onnx_export, onnx_interface
from unsmear.models.deep_wiener import DeepWiener
from unsmear.tables import narrow_markdown

SIDES, ROUNDS = (512, 1024), 9
SPLITS = ("calibration", "test")
NOTE = """# A lean restorer beside the shipped ones

    OMP_NUM_THREADS=1 python benchmarks/lean.py --count {count}

{steps} steps of `recipes.weights.distil`. Cost: multiply-adds a pixel, and processor time of ONNX
Runtime {version} on one core, medians of {rounds} interleaved rounds; *file* is the ONNX file that
is shipped, the others are exported anew.

{cost}

PSNR of the networks, dB, {count} planes of each data set and condition, true kernel, at most
256x256, 8 bit; noisy is {photons:.0f} photoelectrons at full scale. The last columns are what the
lean one gains, and deep-wiener-fast, over deep-wiener; *calibration* and *test* are the groups that
were held out.

{scores}

Means of a data set, and its worst row:

{sets}

What deep-wiener loses without a part of it (a block's change, or all of the deepest level), dB,
means of the calibration groups; nothing was trained anew:

{parts}
"""


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "../../shared/data")
    parser.add_argument("--run", type=Path, default=Path("runs/lean"))
    parser.add_argument("--count", type=int, default=3, help="planes of each data set")
    options = parser.parse_args()
    torch.set_num_threads(1)
    state = distil.begin(0)
    deep_wiener.resume(state, options.run)
    steps, references = state.step, distil.references()
    state.networks.update(references.networks)
    state.averages.update(references.averages)
    (lean,) = distil.STUDENTS
    cost = costs(networks_of(state))
    given = {split: samples(options.data, split, options.count) for split in SPLITS}
    rows = [
        {**row, "split": split}
        for split, pairs in given.items()
        for row in deep_wiener.validate(state, pairs)
    ]
    without = deep_wiener.validate(parts(state.networks[distil.TEACHER]), given["calibration"])
    text = NOTE.format(
        count=options.count,
        steps=steps,
        version=onnxruntime.__version__,
        rounds=ROUNDS,
        photons=PHOTONS[1],
        cost=narrow_markdown(cost),
        scores=narrow_markdown(scores(rows, lean)),
        sets=narrow_markdown(sets(rows, lean)),
        parts=narrow_markdown(losses(without)),
    )
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


def networks_of(state: deep_wiener.State) -> dict[str, DeepWiener]:
    """Return the networks with the averaged weights."""
    for name, network in state.networks.items():
        network.load_state_dict(state.averages[name])
    return state.networks


def samples(data: Path, split: str, count: int) -> list[tuple[str, int, Sample]]:
    """Return (data set, length, sample) of planes of a split; noise is in the data set's name."""
    return [
        (
            case.folder + (" noisy" if case.photons else ""),
            int(case.length),
            prepare(
                case.blurred.astype(np.float32) / np.float32(255),
                case.sharp.astype(np.float32) / np.float32(255),
                case.kernel,
            ),
        )
        for case in cases(data, split, count)
    ]


def costs(networks: Mapping[str, DeepWiener]) -> list[list[str]]:
    """Return the table of multiply-adds and times, and their ratios to the shipped file's."""
    file = (checkpoint.SHIPPED / f"{distil.TEACHER}.onnx").read_bytes()
    sessions = {f"{distil.TEACHER}, file": _session(file)}
    sessions |= {name: _session(_exported(network)) for name, network in networks.items()}
    by_side = [_times(sessions, networks, side) for side in SIDES]
    base = next(iter(sessions))
    sides = [title for side in SIDES for title in (f"{side} px, s", "ratio")]
    table = [["network", "multiply-adds", "ratio", *sides]]
    whole = multiply_adds(networks[distil.TEACHER])
    for name in sessions:
        adds = multiply_adds(networks[name.split(",")[0]])
        row = [name, f"{adds:,.0f}", f"{adds / whole:.3f}"]
        for times in by_side:
            ratio = np.median(np.array(times[name]) / np.array(times[base]))
            row += [f"{np.median(times[name]):.3f}", f"{ratio:.3f}"]
        table.append(row)
    return table


def multiply_adds(network: DeepWiener) -> float:
    """Return the multiply-adds of a pixel."""
    total = 0.0
    for name, weight in network.named_parameters():
        kind, *rest = name.split(".")
        level = 0 if kind in ("first", "last") else int(rest[0]) + (kind in ("down", "up"))
        total += weight.numel() / (network.fold * 2**level) ** 2
    return total


def _exported(network: DeepWiener) -> bytes:
    return onnx_export.to_bytes(onnx_interface.deep_wiener(network.eval()), {})


def _session(data: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_mem_pattern = False  # as the product has it
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _times(
    sessions: Mapping[str, Any], networks: Mapping[str, DeepWiener], side: int
) -> dict[str, list[float]]:
    """Return the seconds of each round."""
    generator = np.random.default_rng(0)
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(ROUNDS):
        for name, session in sessions.items():
            count = networks[name.split(",")[0]].versions
            versions = generator.random((1, count, side, side), np.float32)
            begun = time.thread_time()
            session.run(None, {"versions": versions, "constants": np.full((1, 2), 0.01, "f")})
            times[name].append(time.thread_time() - begun)
    return times


def scores(rows: list[dict[str, Any]], lean: str) -> list[list[str]]:
    """Return the table of all conditions."""
    names = ["wiener", distil.FAST, lean, distil.TEACHER]
    table = [["groups", "data set", "px", *names, "lean", "fast"]]
    for row in rows:
        figures = [f"{row[name]:.2f}" for name in names]
        differences = [f"{row[name] - row[distil.TEACHER]:+.3f}" for name in (lean, distil.FAST)]
        table.append([row["split"], row["set"], str(row["length"]), *figures, *differences])
    return table


def sets(rows: list[dict[str, Any]], lean: str) -> list[list[str]]:
    """Return the table of the differences of each data set, of all its conditions."""
    by_set: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by_set.setdefault((row["split"], row["set"].removesuffix(" noisy")), []).append(row)
    table = [["groups", "data set", "lean", "worst", "fast", "worst"]]
    for (split, name), own in by_set.items():
        line = [split, name]
        for network in (lean, distil.FAST):
            lost = [row[network] - row[distil.TEACHER] for row in own]
            line += [f"{np.mean(lost):+.3f}", f"{min(lost):+.3f}"]
        table.append(line)
    return table


def parts(teacher: DeepWiener) -> deep_wiener.State:
    """Return the teacher, and what is left of it without one of its parts, as a state."""
    networks = {"whole": teacher}
    for side in ("before", "after"):
        for level in range(len(teacher.before)):
            networks[f"{side}.{level}"] = _without(teacher, f"{side}.{level}.0.two")
    networks["deepest level"] = _without(teacher, f"up.{len(teacher.up) - 1}")
    averages = {name: dict(network.state_dict()) for name, network in networks.items()}
    return deep_wiener.State(networks, averages, {})


def _without(teacher: DeepWiener, layer: str) -> DeepWiener:
    network = copy.deepcopy(teacher)
    torch.nn.init.zeros_(network.get_submodule(layer).weight)
    return network


def losses(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Return the table of what each part gives, for each data set."""
    folders = list(dict.fromkeys(row["set"].removesuffix(" noisy") for row in rows))
    table = [["without", *folders]]
    for name in list(rows[0])[list(rows[0]).index("whole") + 1 :]:
        own = [
            [row[name] - row["whole"] for row in rows if row["set"].startswith(folder)]
            for folder in folders
        ]
        table.append([name, *(f"{np.mean(lost):+.3f}" for lost in own)])
    return table


if __name__ == "__main__":
    main()
