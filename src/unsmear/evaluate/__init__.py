"""Restorers x pairs: one row an image and restorer, and what the rows come to."""

from unsmear.evaluate.cases import Case, find_cases
from unsmear.evaluate.rows import (
    BLURRED,
    SHARP,
    ChannelScore,
    Contender,
    Row,
    Scored,
    contenders,
    restore_case,
    score_case,
)
from unsmear.evaluate.summary import (
    ALL,
    Interval,
    Line,
    Speed,
    find_best,
    find_examples,
    speeds,
    summarise,
)
from unsmear.evaluate.tables import (
    lengths_table,
    main_table,
    markdown,
    write_all,
    write_markdown,
    write_parquet,
    write_scores,
    write_summary,
    write_timing,
)
from unsmear.intensity import range_of

__all__ = [
    "ALL",
    "BLURRED",
    "SHARP",
    "Case",
    "ChannelScore",
    "Contender",
    "Interval",
    "Line",
    "Row",
    "Scored",
    "Speed",
    "contenders",
    "find_best",
    "find_cases",
    "find_examples",
    "lengths_table",
    "main_table",
    "markdown",
    "range_of",
    "restore_case",
    "score_case",
    "speeds",
    "summarise",
    "write_all",
    "write_markdown",
    "write_parquet",
    "write_scores",
    "write_summary",
    "write_timing",
]
