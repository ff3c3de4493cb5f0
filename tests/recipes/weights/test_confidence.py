"""How often answers are right: the page of the confidence."""

import numpy as np
import pytest

from recipes.weights import confidence
from recipes.weights.confidence import Answer


def answer(group, before, stated, right):
    return Answer(group, 0, np.zeros(7), before, stated, right)


@pytest.fixture
def answers():
    """Two of them sure by the evidence, and one of these no longer when it is stated."""
    return [
        answer("clean", 0.95, 0.95, True),
        answer("clean", 0.92, 0.8, False),
        answer("sharp", 0.75, 0.75, True),
    ]


def test_the_page_counts_what_the_evidence_said_and_what_is_stated(answers):
    stated = [one.stated for one in answers]
    text = confidence.page(answers, stated, " --measure", confidence.SHIPPED)
    evidence, said = text.split("The confidence that is stated.")
    assert "--data DATA --measure\n" in evidence
    assert "| clean | 2 | 2 | 50% | 0 | - |" in evidence
    assert "| clean | 2 | 1 | 100% | 1 | 0% |" in said
    assert "| all | 3 | 1 | 100% | 2 | 50% |" in said


def test_measuring_fits_nothing(answers, tmp_path, monkeypatch):
    asked = []

    def examined(data, count, workers, seed=confidence.SEED):
        asked.append(seed)
        return answers

    monkeypatch.setattr(confidence, "examine_all", examined)
    monkeypatch.setattr(confidence, "add", None)  # the weights are not written
    page = tmp_path / "page.md"
    words = ["confidence", "--data", str(tmp_path), "--measure", "--page", str(page)]
    monkeypatch.setattr("sys.argv", words)
    confidence.main()
    assert asked == [confidence.OTHERS]
    assert page.read_text().startswith("# How often an answer is right")
    assert list(tmp_path.iterdir()) == [page]
