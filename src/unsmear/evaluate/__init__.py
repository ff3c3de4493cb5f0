"""Evaluation of restorers on image pairs: one row per image and restorer, and summaries."""

from unsmear.evaluate.leakage import find_leakage
from unsmear.evaluate.pairs import Case, find_cases
from unsmear.evaluate.remarks import remarks
from unsmear.evaluate.scores import (
    BLURRED,
    SHARP,
    ChannelScore,
    MethodWithKernel,
    Restored,
    Row,
    Scored,
    contenders,
    name_case,
    restore_all,
    restore_case,
    score_case,
    score_images,
)
from unsmear.evaluate.summary import (
    ALL,
    Line,
    Speed,
    find_best,
    find_examples,
    speeds,
    summarise,
)
from unsmear.evaluate.tables import (
    check_folder,
    lengths_table,
    main_table,
    write_all,
    write_markdown,
    write_parquet,
    write_scores,
    write_summary,
    write_timing,
)
from unsmear.images.scaling import range_of
from unsmear.metrics.bootstrap import Interval
from unsmear.tables import markdown

__all__ = [
    "ALL",
    "BLURRED",
    "SHARP",
    "Case",
    "ChannelScore",
    "Interval",
    "Line",
    "MethodWithKernel",
    "Restored",
    "Row",
    "Scored",
    "Speed",
    "check_folder",
    "contenders",
    "find_best",
    "find_cases",
    "find_examples",
    "find_leakage",
    "lengths_table",
    "main_table",
    "markdown",
    "name_case",
    "range_of",
    "remarks",
    "restore_all",
    "restore_case",
    "score_case",
    "score_images",
    "speeds",
    "summarise",
    "write_all",
    "write_markdown",
    "write_parquet",
    "write_scores",
    "write_summary",
    "write_timing",
]
