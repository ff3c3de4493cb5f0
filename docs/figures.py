"""Make the README's pictures and its table: `make figures`.

Runs the demo, copies its picture, draws the sheet of patterns, and puts the demo's summary between
the two marks in README.md.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import cv2

ROOT = Path(__file__).parents[1]
RUN = ROOT / "runs" / "figures"
MARKS = ("<!-- demo table: written by `make figures` -->\n", "<!-- end of demo table -->")


def main() -> None:
    """Write docs/pictures/*.jpg and the README's table."""
    unsmear = str(Path(sys.executable).with_name("unsmear"))
    pictures = ROOT / "docs" / "pictures"
    pictures.mkdir(exist_ok=True)
    subprocess.run([unsmear, "demo", "--output", str(RUN)], check=True)
    subprocess.run([unsmear, "synth", "--sheet", str(RUN / "sheet.png")], check=True)
    for source, name in (("scores/grid.png", "demo.jpg"), ("sheet.png", "patterns.jpg")):
        figure = cv2.imread(str(RUN / source))
        smaller = cv2.resize(figure, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(pictures / name), smaller, [cv2.IMWRITE_JPEG_QUALITY, 88])
    readme = ROOT / "README.md"
    # Seconds depend on the machine; they stay in the run's own summary.
    table = without_last_column((RUN / "scores" / "summary.md").read_text())
    begin, end = map(re.escape, MARKS)
    text = re.sub(
        f"{begin}.*?{end}",
        lambda _: f"{MARKS[0]}{table}\n{MARKS[1]}",
        readme.read_text(),
        flags=re.S,
    )
    readme.write_text(text)


def without_last_column(summary: str) -> str:
    """Return a summary's first Markdown table without its last column."""
    rows = []
    for line in summary.splitlines():
        if line.startswith("|"):
            rows.append("|".join(line.rstrip().rstrip("|").split("|")[:-1]) + "|")
        elif rows:
            break
    return "\n".join(rows)


if __name__ == "__main__":
    main()
