"""Job of `unsmear doctor`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from unsmear import doctor
from unsmear.checkpoints import derived
from unsmear.cli.console import say


def run(as_json: bool) -> int:
    """Print the facts and the self-test; return the exit code."""
    found = doctor.facts()
    if as_json:
        checks = doctor.self_test()
        tested = [asdict(check) for check in checks]
        say(json.dumps({**found, "bfloat16": derived.has_bfloat16(), "self_test": tested}))
    else:
        for line in _lines(found):
            say(line)
        checks = doctor.self_test()
        for check in checks:
            say(f"self-test of {check.name}: {check.fault or 'passed'} ({check.seconds:.1f} s)")
    return int(any(check.fault for check in checks))


def _lines(found: Mapping[str, Any]) -> list[str]:
    revision = found["revision"] and f", revision {found['revision'][:12]}"
    cores = f"{found['cores']} processor core{'s' * (found['cores'] != 1)}"
    missing = {name: lacks for name, lacks in found["extras"].items() if lacks}
    here = [name for name in found["extras"] if name not in missing]
    lines = [
        f"unsmear {found['unsmear']}{revision}",
        f"{found['python']}, {found['system']}",
        ", ".join([cores, *found["instructions"]]),
        _versions(found["libraries"]),
        f"networks: {_versions(found['runtimes'])}; by default {_default()}",
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
