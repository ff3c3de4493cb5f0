"""Tables: every file that others read has the bytes that it has always had."""

from dataclasses import dataclass

import pytest

from unsmear import tables
from unsmear.classify import tables as classify_tables
from unsmear.cli.jobs import search
from unsmear.data import label_statistics, manifest
from unsmear.data.manifest import Pair
from unsmear.evaluate import tables as evaluate_tables
from unsmear.evaluate.summary import Speed
from unsmear.recovery.output import csv_files
from unsmear.synthetic import Plan, write_table

NAN, INF = float("nan"), float("inf")


def test_six_decimals(tmp_path):
    records = [
        {"name": 'a, "b"', "value": -1e-9, "left": None, "worse": True},
        {"name": "c", "value": INF, "more": 2, "worse": False, "other": NAN},
    ]
    tables.write_csv(tmp_path / "scores.csv", records)
    assert (tmp_path / "scores.csv").read_bytes() == (
        b'name,value,left,worse,more,other\n"a, ""b""",0.000000,,true,,\nc,inf,,false,2,nan\n'
    )
    tables.write_csv(tmp_path / "empty.csv", [])
    assert (tmp_path / "empty.csv").read_bytes() == b"\n"


def test_timing_and_answers_about_images(tmp_path):
    evaluate_tables.write_timing(tmp_path / "timing.csv", [Speed("wiener", 2, 4.0, 1.0)])
    assert (tmp_path / "timing.csv").read_bytes() == (
        b"restorer,images,megapixels,seconds,seconds_per_megapixel\n"
        b"wiener,2,4.000000,1.000000,0.250000\n"
    )
    found = [{"id": "x", "numbers": "0|3", "labels": "Nucleoplasm|Nucleoli", "Nucleoli": 0.5}]
    classify_tables.write(tmp_path / "labels.csv", found)
    assert (tmp_path / "labels.csv").read_bytes() == (
        b"id,numbers,labels,Nucleoli\nx,0|3,Nucleoplasm|Nucleoli,0.500000\n"
    )


def test_the_manifest(tmp_path):
    blur = {"family": "motion", "length": 6.0, "angle": 15.0}
    pairs = [Pair("a.png", "a", "train", "g", (0, 16), blur, 7, 0.5, 64, 32, 3.0, 250.0)]
    manifest.write(tmp_path, [*pairs, Pair("b.png", "b")])
    head = b"name,source,split,group,labels,blur,seed,scale,width,height,black,white\n"
    assert (tmp_path / "manifest.csv").read_bytes() == head + (
        b'a.png,a,train,g,0|16,"{""family"": ""motion"", ""length"": 6.0, ""angle"": 15.0}",'
        b"7,0.5,64,32,3.0,250.0\n"
        b"b.png,b,,,,,0,1.0,0,0,0.0,0.0\n"
    )
    manifest.write(tmp_path, [])
    assert (tmp_path / "manifest.csv").read_bytes() == head


def test_answers(tmp_path):
    records = [{"case": "x", "p": 1 / 3, "low": None}, {"case": "y", "p": NAN, "high": -0.0}]
    csv_files.write_csv(tmp_path / "answers.csv", records, ["label", "case"])
    assert (tmp_path / "answers.csv").read_bytes() == (
        b"label,case,p,low,high\n,x,0.333333,,\n,y,,,0\n"
    )
    csv_files.write_csv(tmp_path / "none.csv", [], ["label", "case"])
    assert (tmp_path / "none.csv").read_bytes() == b"label,case\n"


@dataclass(frozen=True)
class Counted:
    label: str
    images: int
    share: float


def test_what_a_data_set_holds(tmp_path):
    rows = [Counted("Lipid droplets", 172, 172 / 31072), Counted("a,b", 0, NAN)]
    label_statistics.write_rows(tmp_path / "labels.csv", rows)
    assert (tmp_path / "labels.csv").read_bytes() == (
        b'label,images,share\nLipid droplets,172,0.00553553\n"a,b",0,\n'
    )


def test_the_log_of_a_training_run(tmp_path):
    log = pytest.importorskip("unsmear.train.engine.log")
    rows = log.Csv(tmp_path, 0)
    rows.steps({"step": 2, "rate": 0.1 / 3, "loss": 1e-9})
    rows.steps({"step": 4, "rate": 0.1, "loss": NAN})
    rows.validation({"step": 4, "psnr": 30.123456789}, None)
    rows.close()
    head = b"step,rate,loss\n2,0.033333333,1e-09\n"
    assert (tmp_path / "log.csv").read_bytes() == head + b"4,0.1,nan\n"
    assert (tmp_path / "validation.csv").read_bytes() == b"step,psnr\n4,30.123457\n"
    log.Csv(tmp_path, 2)  # a kill has undone step 4
    assert (tmp_path / "log.csv").read_bytes() == head
    assert (tmp_path / "validation.csv").read_bytes() == b""


def test_the_labels_of_drawn_cells(tmp_path):
    plan = Plan(tmp_path, seed=1)
    table = write_table(plan, 2)
    rows = "".join(
        f"{plan.name(index)},{'|'.join(map(str, plan.labels(index)))}\n" for index in range(2)
    )
    assert table.read_bytes() == f"ID,Label\n{rows}".encode()


def test_the_trials_of_a_search(tmp_path):
    lines = [["0000", "done", "30.1", "7"], ["0001", "failed", "", "a, b"]]
    search._write(tmp_path, ["trial", "outcome", "psnr", "seed"], lines)
    assert (tmp_path / "table.csv").read_bytes() == (
        b'trial,outcome,psnr,seed\n0000,done,30.1,7\n0001,failed,,"a, b"\n'
    )
    assert (tmp_path / "table.md").read_bytes() == (
        b"| trial | outcome | psnr | seed |\n| ---: | --- | ---: | ---: |\n"
        b"| 0000 | done | 30.1 | 7 |\n| 0001 | failed |  | a, b |\n"
    )


def test_rows_are_added_one_by_one(tmp_path):
    tables.append_csv(tmp_path / "a.csv", {"name": "x", "value": 0.5}, tables.digits)
    tables.append_csv(tmp_path / "a.csv", {"name": "y", "value": NAN}, tables.digits)
    assert (tmp_path / "a.csv").read_bytes() == b"name,value\nx,0.5\ny,\n"


def test_markdown_for_those_who_see_it_drawn():
    table = [["", "name", "dB"], ["1", "a|b", "2"]]
    said = "|  | name | dB |\n| --- | --- | ---: |\n| 1 | a/b | 2 |\n"
    assert tables.narrow_markdown(table, words=(0, 1)) == said


def test_markdown_that_reads_as_text():
    table = [["restorer", "dB"], ["wiener", "1.0"]]
    assert tables.markdown(table) == (
        "| restorer | dB  |\n|:---------|----:|\n| wiener   | 1.0 |\n"
    )
