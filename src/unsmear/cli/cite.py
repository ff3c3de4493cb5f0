"""Command `unsmear cite`: how to cite the program."""

from __future__ import annotations

from unsmear import __version__

TEXT = """The Unsmear developers. Unsmear: motion deblurring for fluorescence microscopy.
Version {version}.

The protocol that it follows and measures itself by:
Gonçalves, R. F. and Ferreira, D. J. B. Generative Image Deblurring for Human Protein Cell
Classification. Universidade de Aveiro.

@software{{unsmear,
  author  = {{{{The Unsmear developers}}}},
  title   = {{Unsmear: motion deblurring for fluorescence microscopy}},
  version = {{{version}}}
}}

@misc{{goncalves-ferreira,
  author = {{Gon{{\\c{{c}}}}alves, Rafael Fernandes and Ferreira, Daniel Jorge Bernardo}},
  title  = {{Generative Image Deblurring for Human Protein Cell Classification}},
  note   = {{Universidade de Aveiro}}
}}

In a methods section, give what the result's file says: version, method, motion and confidence.
"""


def cite() -> int:
    """Print how to cite the program, as text and for BibTeX."""
    from unsmear.cli.console import as_json, say

    text = TEXT.format(version=__version__).rstrip()
    if as_json():
        return 0 if say("", version=__version__, text=text) else 1
    return 0 if all(map(say, text.split("\n"))) else 1
