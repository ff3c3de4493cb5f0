"""Command `unsmear completion`: the script by which a shell completes commands and options."""

from __future__ import annotations

import sys
from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish", "powershell"], /) -> int:
    """Print the script by which a shell completes the commands and their options.

    In bash: `source <(unsmear completion bash)`, in ~/.bashrc for all shells. In zsh: the output is
    a file _unsmear in a folder of $fpath. In fish: ~/.config/fish/completions/unsmear.fish.

    Parameters
    ----------
    shell
        The shell: bash, zsh, fish or powershell.
    """
    from unsmear.cli import app
    from unsmear.cli.console import as_json, say, shows_progress

    script = app.generate_completion(prog_name="unsmear", shell=shell)
    # Where it offers nothing, such as for the inputs, bash offers the names of files.
    script = script.replace(
        "complete -F _unsmear unsmear", "complete -o default -F _unsmear unsmear"
    )
    if as_json():
        return 0 if say("", shell=shell, script=script) else 1
    if shows_progress():
        sys.stdout.write(script)
    return 0
