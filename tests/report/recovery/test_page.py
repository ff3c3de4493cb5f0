"""A recovery's page: whole, honest about those who do harm, and whole where half was asked."""

import dataclasses
import html
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from unsmear.data.labels import LABELS
from unsmear.errors import DataError, MissingExtra
from unsmear.metrics.bootstrap import Interval
from unsmear.recovery.analysis.results import conclude
from unsmear.recovery.analysis.summary import Recovery
from unsmear.recovery.collect.answers import Predictions
from unsmear.report import html_page, markdown
from unsmear.report.recovery import page
from unsmear.report.recovery.text import verdicts, warnings, within_chance

pytest.importorskip("matplotlib")

NAMES = LABELS[:7]
ERASER, PAINTER, MINE = "eraser", "painter", "deep-wiener, true kernel"


@pytest.fixture(scope="module")
def results(answers):
    return conclude(answers(), resamples=300)


@pytest.fixture(scope="module")
def written(results, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "recovery.html"
    page.write_page(
        path,
        results,
        title="Cells <1>",
        command="unsmear recovery PAIRS -o OUT <x>",
        facts={"classifier": "light & fast", "nothing": ""},
    )
    return path.read_text(encoding="utf-8")


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the figures out, which take the most of a page's time."""
    monkeypatch.setattr(page, "draw", lambda results: [])


def verdict_of(results):
    every = verdicts(results.overall, results.aligned.predicted)
    return {verdict.restorer: verdict for verdict in every}


def of(predictions, *restorers, cases=None):
    """Return the predictions of these restorers for the first cases."""
    first = set(predictions.cases[:cases])
    rows = [row for row in predictions.rows if row.restorer in restorers and row.case in first]
    return dataclasses.replace(predictions, rows=tuple(rows))


@pytest.mark.slow
def test_the_page_needs_nothing_else(written, outline):
    read = outline(written)
    assert "script" not in read.tags
    assert all(link.startswith("data:image/png;base64,") for link in read.values("src"))
    assert all(link.startswith("#part-") for link in read.values("href"))
    assert all(len(text) > 20 for text in read.values("alt"))
    assert read.tags.count("img") == 7
    text = html.unescape(written)
    assert "<title>Cells &lt;1&gt;</title>" in written
    assert "unsmear recovery PAIRS -o OUT <x>" in text
    assert "light & fast" in text
    assert "nothing</th>" not in text
    assert "120, of 40 groups" in text
    assert "motion 6 px, motion 10 px, motion 16 px" in text


@pytest.mark.slow
def test_sharp_and_blurred_stand_first_in_the_main_table(written, results):
    rows = page.main_rows(results)
    assert [row[0] for row in rows[:3]] == ["restorer", "sharp", "blurred"]
    titles = ["micro F1", "macro F1", "harmonic F1", "highest precision", "mAP", "micro recovery"]
    assert set(titles) <= set(rows[0])
    assert len({len(row) for row in rows}) == 1
    first = re.search(r"<tbody>(.*?)</tbody>", written, re.S)[1]
    names = re.findall(r'<th scope="row">(.*?)</th>', first)
    assert names == [html.escape(row[0]) for row in rows[1:]]
    assert '<tr class="apart"><th scope="row">blurred</th>' in first


def test_agreement_in_the_main_table_is_that_of_its_row(results):
    rows = {row[0]: row for row in page.main_rows(results)}
    place = rows["restorer"].index("decisions as on sharp")
    for entry in results.agreements:
        assert float(rows[entry.restorer][place]) == pytest.approx(
            100 * entry.decisions.value, abs=0.06
        )
    assert rows["sharp"][place] == "100.0"
    assert float(rows[ERASER][place]) < float(rows[MINE][place])


def test_a_good_restorer_is_told_to_be_good(results):
    assert verdict_of(results)[MINE].grade == "good"
    assert "the biology survives" in verdict_of(results)[MINE].short


@pytest.mark.slow
def test_restorers_that_do_harm_are_exposed(results, written):
    verdict = verdict_of(results)
    assert verdict[ERASER].grade == "bad"
    assert "harm" in verdict[ERASER].short
    assert "0 are found again" in verdict[ERASER].sentence
    # It finds more again than the blurred images, and is still told from the others.
    assert verdict[PAINTER].grade == "bad"
    assert "not there" in verdict[PAINTER].short
    assert f'<li class="bad"><b><span aria-hidden="true">✗</span> {PAINTER}:' in written


def test_verdicts_come_the_best_first(results):
    order = list(verdict_of(results))
    assert order[-1] == ERASER
    assert order.index("wiener, true kernel") < order.index("plain <network>")
    assert not {"sharp", "blurred"} & set(order)


@pytest.mark.slow
def test_a_label_without_test_images_is_warned_of(results, written):
    assert any(NAMES[-1] in caution.text for caution in warnings(results))
    assert f"No image has {NAMES[-1]}" in written


@pytest.mark.slow
def test_a_restorer_above_sharp_is_no_triumph(answers, undrawn, tmp_path):
    """The truth itself, handed in as a restoration, is more than any restorer can know."""
    predictions = of(answers(), "sharp", "blurred", MINE)
    rows = tuple(
        dataclasses.replace(
            row, probabilities=tuple(0.9 if at in row.labels else 0.1 for at in range(len(NAMES)))
        )
        if row.restorer == MINE
        else row
        for row in predictions.rows
    )
    results = conclude(dataclasses.replace(predictions, rows=rows), resamples=300)
    assert verdict_of(results)[MINE].grade == "unclear"
    assert "above the sharp images" in verdict_of(results)[MINE].short
    mine = next(entry for entry in warnings(results) if entry.text.startswith(f"{MINE} is above"))
    assert "field-" in mine.where  # and in which images
    assert any(label in mine.where for label in NAMES)
    assert not any(label in mine.text for label in NAMES)
    page.write_page(tmp_path / "p.html", results, title="t", command="c")
    assert "<summary>Where</summary>" in (tmp_path / "p.html").read_text()


@pytest.mark.slow
def test_what_chance_explains_is_folded_away(results, written):
    folded = [caution.text for caution in within_chance(results)]
    shown = [caution.text for caution in warnings(results)]
    assert folded
    assert all("within chance" in text for text in folded)
    assert not any("within chance" in text for text in shown)
    assert not set(shown) & set(folded)
    assert f"<summary>{len(folded)} within chance</summary>" in written


def test_a_restorer_below_blurred_is_warned_of(results):
    texts = [caution.text for caution in warnings(results)]
    assert any(text.startswith(f"{ERASER} is below the blurred images") for text in texts)


@pytest.mark.slow
def test_no_gap_is_no_recovery(answers, undrawn, tmp_path):
    predictions = of(answers(), "sharp", "blurred", MINE)
    sharp = {row.case: row.probabilities for row in predictions.rows if row.restorer == "sharp"}
    rows = tuple(
        dataclasses.replace(row, probabilities=sharp[row.case])
        if row.restorer == "blurred"
        else row
        for row in predictions.rows
    )
    results = conclude(dataclasses.replace(predictions, rows=rows), resamples=300)
    assert verdict_of(results)[MINE].grade != "good"
    assert any("no gap to recover" in caution.text for caution in warnings(results))
    page.write_page(tmp_path / "p.html", results, title="t", command="c")
    assert "no gap" in (tmp_path / "p.html").read_text()


@pytest.mark.slow
def test_one_group_is_no_verdict(answers, undrawn, tmp_path):
    predictions = of(answers(groups=1), "sharp", "blurred", MINE)
    results = conclude(predictions, resamples=300)
    assert verdict_of(results)[MINE].grade == "unclear"
    page.write_page(tmp_path / "p.html", results, title="t", command="c")


@pytest.mark.slow
def test_measures_alone_have_a_page(answers, outline, tmp_path):
    path = tmp_path / "p.html"
    page.write_page(path, answers(classifier=False), title="t", command="c")
    text = path.read_text()
    assert "No classifier was used" in text
    assert "Beyond labels" in text
    assert "The table" not in text
    outline(text)


@pytest.mark.slow
def test_labels_alone_have_a_page(answers, outline, tmp_path):
    predictions = of(answers(), "sharp", "blurred", cases=30)
    rows = tuple(dataclasses.replace(row, measures={}) for row in predictions.rows)
    path = tmp_path / "p.html"
    page.write_page(path, dataclasses.replace(predictions, rows=rows), title="t", command="c")
    text = path.read_text()
    assert "Beyond labels" not in text
    outline(text)


def test_nothing_at_all():
    with pytest.raises(DataError):
        page.write_page(None, Predictions(), title="t", command="c")


def test_a_page_for_several_reports_has_the_sections(results, undrawn):
    lead, sections = page.write_sections(results, command="c")
    assert "deep-wiener" in lead
    assert [section.title for section in sections][:2] == ["Warnings", "The table"]


def test_without_matplotlib(results, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match="pip install"):
        page.write_page(tmp_path / "p.html", results, title="t", command="c")
    assert not (tmp_path / "p.html").exists()


@pytest.mark.slow
def test_two_reports_on_one_page(results, undrawn, outline, tmp_path):
    """As the paper's Table V, in Markdown, and its Table VI."""
    title, lead, sections = markdown.read("# Both\n\nwords\n\n## Table V\n\n- one\n", tmp_path)
    verdicts_, others = page.write_sections(results, command="c")
    built = html_page.build(title, [*sections, *others], lead + verdicts_, page.STYLE)
    ids = outline(built).values("id")
    assert len(set(ids)) == len(ids) == 10
    assert built.index("Table V") < built.index("The table")
    assert ".verdicts" in built


def test_an_erased_channel_shows_in_the_measures(results, undrawn):
    sections = page.write_sections(results, command="c")[1]
    measures = {section.title: section.html for section in sections}
    _means, correlation, error = re.findall(
        r'<th scope="row">intensity: green</th>(.*?)</tr>', measures["Beyond labels"]
    )[:3]
    last = [re.findall("<td>(.*?)</td>", row)[-2] for row in (correlation, error)]
    assert last == ["constant", "100.0"]  # nothing is left in any cell
    assert "nuclei: count" not in measures["Beyond labels"].split("</table>")[1]  # never varies


def test_a_verdict_rests_on_the_first_average_that_has_a_gap():
    share, gain = Interval(0.95, 0.91, 1.0), Interval(0.2, 0.1, 0.3)
    names = ("micro_f1", "macro_f1", "harmonic_f1")
    nothing = Recovery(gap=Interval(0.0, -0.1, 0.1), reason="no gap to recover")

    def line_of(recovery):
        return SimpleNamespace(
            restorer="ours",
            averages=dict.fromkeys(names, Interval(0.8, 0.7, 0.9)),
            gain=dict.fromkeys(names, gain),
            loss=dict.fromkeys(names, Interval(0.01, -0.01, 0.02)),
            recovery=recovery,
        )

    decisions = {name: np.ones((2, 2), bool) for name in ("sharp", "blurred", "ours")}
    macro = {**dict.fromkeys(names, nothing), "macro_f1": Recovery(gap=gain, share=share)}
    (verdict,) = verdicts([line_of(macro)], decisions)
    assert verdict.grade == "good"
    assert "Recovery of macro F1: 95" in verdict.sentence
    (verdict,) = verdicts([line_of(dict.fromkeys(names, nothing))], decisions)
    assert verdict.grade == "unclear"
    assert "no gap to recover" in verdict.sentence
