"""Sentences on a command line that cannot be understood, each with what to do next."""

from __future__ import annotations

from cyclopts.exceptions import CycloptsError, MissingArgumentError

WANTED = {
    "--output": "the folder or file for the results, as in -o results",
    "INPUT": "images, folders, globs or zip files",
    "PAIRS": "a folder of pairs, which unsmear prepare makes",
    "FOLDER": "the output folder of the batch",
    "RUN": "the folder of the run",
    "--classifier": "the weights of a classifier, as in --classifier light-cells",
}
"""What is wanted of an argument that is missing."""


def sentence(error: CycloptsError) -> str:
    """Return what is wrong with the arguments of a command, and where all of them are listed."""
    chain = " ".join(error.command_chain or ())
    where = f"see unsmear {chain} --help" if chain else "see unsmear --help"
    text = " ".join(str(error).split()).partition(" Available commands")[0]
    if text.endswith("?"):  # it says which was meant
        return f"{text} Or {where}."
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        if error.keyword is not None:
            return f"{error.keyword} must come with a value; {where}."
        name = error.argument.name
        what = f": {WANTED[name]}" if name in WANTED else ""
        return f"{name} must be given{what}; {where}."
    return f"{text.rstrip('.')}; {where}."
