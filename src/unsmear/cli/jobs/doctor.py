"""Job of `unsmear doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from unsmear import doctor
from unsmear.checkpoints import derived
from unsmear.cli.console import as_json, say


def run() -> int:
    """Print the facts and the self-test; return the exit code."""
    facts = doctor.facts()
    if as_json():
        checks = doctor.self_test()
        tested = [asdict(check) for check in checks]
        say("", **facts, bfloat16=derived.has_bfloat16(), self_test=tested)
    else:
        for line in _lines(facts):
            say(line)
        checks = doctor.self_test()
        for check in checks:
            say(f"self-test of {check.name}: {check.fault or 'passed'} ({check.seconds:.1f} s)")
    return int(any(check.fault for check in checks))


def _lines(facts: Mapping[str, Any]) -> list[str]:
    revision = facts["revision"] and f", revision {facts['revision'][:12]}"
    cores = f"{facts['cores']} processor core{'s' * (facts['cores'] != 1)} to use"
    missing = {name: lacks for name, lacks in facts["extras"].items() if lacks}
    here = [name for name in facts["extras"] if name not in missing]
    lines = [
        f"unsmear {facts['unsmear']}{revision}",
        f"{facts['python']}, {facts['system']}",
        ", ".join([cores, *facts["instructions"]]),
        _versions(facts["libraries"]),
        f"networks: {_versions(facts['runtimes'])}; by default {_default()}",
        f"extras: {', '.join(here) or 'none'}",
    ]
    return lines + [
        f"without {name} ({', '.join(lacks)}): pip install 'unsmear[{name}]'"
        for name, lacks in missing.items()
    ]


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version or 'not installed'}" for name, version in versions.items())


def _default() -> str:
    return "OpenVINO in bfloat16" if derived.has_bfloat16() else "ONNX Runtime"
