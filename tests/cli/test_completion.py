"""The shells' scripts complete commands, options and, in bash, the names of files."""

import shutil
import subprocess

import pytest

from unsmear.cli import COMMANDS


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_every_command_is_in_the_script(shell, unsmear):
    done = unsmear("completion", shell)
    assert done.code == 0
    assert all(name in done.out for name in COMMANDS)
    assert "--uncertainty" in done.out or "-l uncertainty" in done.out


def completed(script, line, folder):
    words = line.split(" ")
    ask = (
        f'source "$1"; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; COMPREPLY=(); _unsmear; '
        'echo "${COMPREPLY[*]:-}"; complete -p unsmear'
    )
    command = ["bash", "--norc", "-c", ask, "bash", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_options_and_leaves_the_names_of_files_to_the_shell(unsmear, tmp_path):
    (tmp_path / "script").write_text(unsmear("completion", "bash").out)
    found, registered = completed(tmp_path / "script", "unsmear restore --unc", tmp_path)
    assert found == "--uncertainty"
    assert registered == "complete -o default -F _unsmear unsmear"
    found, _ = completed(tmp_path / "script", "unsmear resto", tmp_path)
    assert found == "restore"
