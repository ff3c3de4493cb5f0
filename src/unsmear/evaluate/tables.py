"""Output of an evaluation: CSV files and Markdown tables.

`scores.csv` and `summary.csv` repeat to the last digit: they hold no times, and six decimals, so
that another processor's last bit does not show. Times are in `timing.csv` and in the tables.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from unsmear import plain_files
from unsmear.atomic import write_aside
from unsmear.errors import DataError, MissingExtra, OptionError
from unsmear.evaluate.scores import BLURRED, SHARP, Row, Scored
from unsmear.evaluate.summary import (
    ALL,
    MEASURES,
    Line,
    Speed,
    speeds,
    summarise,
)
from unsmear.metrics.bootstrap import Interval
from unsmear.tables import Record, Table, markdown, to_parquet, write_csv


def write_all(folder: Path, scored: Sequence[Scored], seed: int = 0) -> list[Line]:
    """Write every file of an evaluation into `folder` and return the summary's lines.

    `scores.csv` and, where pyarrow is installed, `scores.parquet`; `summary.csv`, `summary.md` and
    `timing.csv`. seed: random seed of the bootstrap. Raises DataError where nothing was scored.
    """
    rows = [row for case in scored for row in case.rows]
    if not rows:
        raise DataError(f"{folder}: there must be at least one scored pair to write, got none.")
    lines, took = summarise(rows, seed), speeds(scored)
    write_scores(folder / "scores.csv", rows)
    with contextlib.suppress(MissingExtra):
        write_parquet(folder / "scores.parquet", rows)
    write_summary(folder / "summary.csv", lines)
    write_markdown(folder / "summary.md", lines, took)
    write_timing(folder / "timing.csv", took)
    return lines


def check_folder(folder: Path) -> None:
    """Raise OptionError for a folder with files of others under the names of `write_all`."""
    names = ("scores.csv", "scores.parquet", "summary.csv", "summary.md", "timing.csv")
    taken = [name for name in names if (folder / name).exists()]
    own = ",".join(field.name for field in fields(Row) if field.name != "channels")
    if taken and not _first_line(folder / names[0]).startswith(own):
        raise OptionError(
            f"{folder}: the output must be a new folder, or one of unsmear evaluate, got one with "
            f"{' and '.join(taken)} of another origin."
        )


def _first_line(path: Path) -> str:
    try:
        plain_files.check(path)
        with path.open(errors="replace") as lines:
            return lines.readline(1000)
    except OSError:
        return ""


def records(rows: Sequence[Row]) -> list[Record]:
    """Return one flat record a row, with columns psnr_NAME and ssim_NAME for its channels."""
    plain = [field.name for field in fields(Row) if field.name != "channels"]
    flat = []
    for row in rows:
        record: Record = {name: getattr(row, name) for name in plain}
        for score in row.channels:
            record[f"psnr_{score.channel}"] = score.psnr
            record[f"ssim_{score.channel}"] = score.ssim
        flat.append(record)
    return flat


def write_scores(path: Path, rows: Sequence[Row]) -> None:
    """Write `scores.csv`: one row for each image and restorer."""
    write_csv(path, records(rows))


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    """Write the same rows as a Parquet file, numbers in full; raises MissingExtra."""
    to_parquet(path, records(rows))


def write_summary(path: Path, lines: Sequence[Line]) -> None:
    """Write `summary.csv`: one row for each blur and restorer, "all" first."""
    table = []
    for line in lines:
        record: Record = {"blur": line.blur, "restorer": line.restorer, "images": line.images}
        for name in MEASURES:
            interval: Interval = getattr(line, name)
            record |= {
                name: interval.value,
                f"{name}_low": interval.low,
                f"{name}_high": interval.high,
            }
        table.append(record | {"worse": line.worse})
    write_csv(path, table)


def write_timing(path: Path, took: Sequence[Speed]) -> None:
    """Write `timing.csv`: the computing time of each restorer."""
    names = ("restorer", "images", "megapixels", "seconds", "seconds_per_megapixel")
    write_csv(path, [{name: getattr(speed, name) for name in names} for speed in took])


def write_markdown(path: Path, lines: Sequence[Line], took: Sequence[Speed]) -> None:
    """Write `summary.md`: the table over all images, and the one by blur."""
    images_ = max((line.images for line in lines), default=0)
    text = (
        f"{images_} images; means with their 95 % bootstrap intervals.\n\n"
        f"{markdown(main_table(lines, took))}\n"
        f"Mean PSNR by blur, dB:\n\n{markdown(lengths_table(lines))}"
    )
    write_aside(path, text.encode())


def main_table(lines: Sequence[Line], took: Sequence[Speed]) -> Table:
    """Return the table over all images: sharp and blurred first, then every restorer."""
    header = ["restorer", "images", "PSNR dB", "PSNR after gain dB", "SSIM", "over blurred dB"]
    table = [[*header, "made worse", "s/MP"]]
    seconds = {speed.restorer: f"{speed.seconds_per_megapixel:.3f}" for speed in took}
    for line in (line for line in lines if line.blur == ALL):
        restored = line.restorer not in (SHARP, BLURRED)
        table.append(
            [
                line.restorer,
                str(line.images),
                _interval(line.psnr, 2),
                _interval(line.gain_psnr, 2),
                _interval(line.ssim, 4),
                _interval(line.gain, 2, sign=True) if restored else "-",
                f"{100 * line.worse:.0f} %" if restored else "-",
                seconds.get(line.restorer, "-"),
            ]
        )
    return table


def lengths_table(lines: Sequence[Line]) -> Table:
    """Return the mean PSNR in dB of every restorer, a column a blur."""
    blurs = list(dict.fromkeys(line.blur for line in lines if line.blur != ALL))
    restorers = dict.fromkeys(line.restorer for line in lines)
    means = {(line.restorer, line.blur): _number(line.psnr.value, 2) for line in lines}
    counts = {line.blur: line.images for line in lines if line.restorer == BLURRED}
    return [
        ["restorer", *blurs],
        ["images", *(str(counts[blur]) for blur in blurs)],
        *([name, *(means.get((name, blur), "-") for blur in blurs)] for name in restorers),
    ]


def _interval(interval: Interval, digits: int, sign: bool = False) -> str:
    mean = _number(interval.value, digits, sign)
    if interval.low is None or interval.high is None or not math.isfinite(interval.value):
        return mean
    ends = [_number(end, digits, sign) for end in (interval.low, interval.high)]
    return f"{mean} [{', '.join(ends)}]"


def _number(value: float, digits: int, sign: bool = False) -> str:
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    return text.replace("inf", "∞")
