"""Make the reference's pages from the code: one for each public name, and one for each command.

`pages` gives them all; `docs/pages.py` lays them out beside the pages that are written by hand.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import unsmear
from unsmear.cli import COMMANDS, app

PYTHON = "reference/python"
"""Where the pages of the public names lie in the site."""
COMMAND_LINE = "reference/commands"
"""Where those of the commands lie."""
TRAINING = f"{COMMAND_LINE}/training-options.md"

Pages = dict[str, str]
"""Markdown by the place in the site."""


def pages() -> Pages:
    """Return every page that is made from the code."""
    return python_pages() | command_pages()


def public_names() -> list[str]:
    """Return the names of `unsmear.__all__`, but for those between double underscores."""
    return sorted((name for name in unsmear.__all__ if not name.startswith("__")), key=str.lower)


def python_pages() -> Pages:
    """Return a page for each public name, and the list of them."""
    made = {}
    lines = ["# Python", "", "Everything that `import unsmear` gives, a page for each name.", ""]
    lines += ["| name | what it is |", "|:--|:--|"]
    for name in public_names():
        made[f"{PYTHON}/{name}.md"] = f"::: unsmear.{name}\n"
        lines.append(f"| [`{name}`]({name}.md) | {_first_line(getattr(unsmear, name))} |")
    made[f"{PYTHON}/README.md"] = "\n".join(lines) + "\n"
    return made


def _first_line(thing: Any) -> str:
    """Return the first line of a class's or a function's own docstring, or nothing."""
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return ""
    return (inspect.getdoc(thing) or "").partition("\n")[0].replace("|", "\\|")


def command_pages() -> Pages:
    """Return a page for each command, one for the options of training, and the list of them."""
    made = {f"{COMMAND_LINE}/{name}.md": _command(name) for name in COMMANDS}
    made[TRAINING] = _training_options()
    lines = ["# Command line", "", "`unsmear COMMAND --help` says the same.", ""]
    lines += ["| command | what it does |", "|:--|:--|"]
    lines += [f"| [`unsmear {name}`]({name}.md) | {says} |" for name, says in COMMANDS.items()]
    lines += [f"| [options of training]({TRAINING.rpartition('/')[2]}) | of train and search |"]
    made[f"{COMMAND_LINE}/README.md"] = "\n".join(lines) + "\n"
    return made


def _command(name: str) -> str:
    """Return the page of a command, as its own help has it."""
    text = app[name].generate_docs(heading_level=1, usage_name=f"unsmear {name}")
    text = re.sub(rf"^(#+) {name}\b", rf"\1 unsmear {name}", text, flags=re.MULTILINE)
    text = text.replace(f"](#{name}", f"](#unsmear-{name}")
    text = f"{text.rstrip()}\n{_of_every_command()}"
    if name in ("train", "search"):
        text += f"\nAny of the [options of training]({TRAINING.rpartition('/')[2]}) can be given.\n"
    return text.rstrip() + "\n"


def _of_every_command() -> str:
    """Return the options that every command has."""
    options = app.meta.assemble_argument_collection()
    lines = [f"* `{option.name}`: {option.parameter.help}" for option in options if option.show]
    return "\n".join(["", "**Output**:", "", *lines, ""])


def _training_options() -> str:
    """Return the page of all options of training, as the configuration describes them."""
    from unsmear import models
    from unsmear.train.config import options

    lines = ["# Options of training", "", "`unsmear train` without a network lists the same.", ""]
    kinds = {
        "restore": models.names(),
        "classify": models.classifiers(),
        "pretrain": models.autoencoders(),
    }
    for do, names in kinds.items():
        lines += [f"## Networks that {do}", ""]
        for name in names:
            own = options.own_options(name).items()
            said = ", ".join(f"`--options.{option} {value}`" for option, value in own)
            lines.append(f"- **{name}**: {said or 'no options of its own'}")
        lines += ["", "| option | what it says |", "|:--|:--|"]
        for option, says in options.known(options.kind_of(names[0])).items():
            lines.append(f"| `--{option}` | {says.replace('|', chr(92) + '|')} |")
        lines.append("")
    return "\n".join(lines)
