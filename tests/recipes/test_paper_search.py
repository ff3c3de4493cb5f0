"""Random search against grid: the sums over all orders, a run of seconds, the page's figures."""

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parents[2] / "recipes" / "paper"
SCORES = (3.0, 1.0, 4.0, 1.5, 9.0, 2.0, 6.0)


@pytest.fixture(autouse=True)
def _recipe(monkeypatch):
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
    monkeypatch.syspath_prepend(HERE)


@pytest.mark.parametrize("trials", [1, 2, 4])
@pytest.mark.parametrize(
    ("replaced", "searches"),
    [(False, combinations), (True, lambda scores, trials: product(scores, repeat=trials))],
)
def test_the_best_so_far_is_that_of_all_searches(trials, replaced, searches):
    from best_so_far import Pool

    pool = Pool(SCORES, replaced)
    bests = [max(chosen) for chosen in searches(SCORES, trials)]
    assert pool.mean(trials) == pytest.approx(np.mean(bests))
    for share in (0.05, 0.5, 0.95):
        expected = np.quantile(bests, share, method="inverted_cdf")
        assert pool.quantile(trials, share) == expected


def test_a_grid_in_any_order_ends_at_its_best():
    from best_so_far import Pool

    assert Pool(SCORES, replaced=False).quantile(len(SCORES), 0.01) == max(SCORES)


def test_an_option_explains_what_its_values_differ_in():
    from search_page import Trial, effect

    trials = [
        Trial(f"{rate}{drop}", {"rate": rate, "drop": drop}, 10 * rate + drop, 1.0)
        for rate in (0.0, 1.0, 2.0)
        for drop in (0.0, 1.0, 2.0)
    ]
    assert effect(trials, "rate") == pytest.approx(100 / 101)
    assert effect(trials, "drop") == pytest.approx(1 / 101)


def test_random_search_draws_between_the_ends_of_the_grid(tmp_path):
    import search
    from unsmear.train.config import options
    from unsmear.train.search import space

    search.write_inputs(search.BUDGETS["small"], tmp_path)
    run = options.check(options.read(tmp_path / "run.toml"))
    for name, values in search.GRID.items():
        drawn = space.read(tmp_path / "random.toml")[name]
        assert (drawn["low"], drawn["high"]) == (min(values), max(values))
        assert list(values) == space.read(tmp_path / "grid.toml")[name]
        spaced = np.diff(np.log(values) if drawn["log"] else values)
        assert spaced == pytest.approx(spaced[0])
    grid = space.resolve(space.read(tmp_path / "grid.toml"), run).grid()
    assert np.prod(grid) == 27


@pytest.mark.slow
def test_one_command_searches_both_ways_and_resumes(tmp_path, capsys):
    import search

    output, page = tmp_path / "run", tmp_path / "page" / "search.md"
    words = ["--scale", "tiny", "--output", str(output), "--page", str(page)]
    assert search.main(words) == 0
    text = page.read_text()
    assert (page.parent / "pictures" / "search.png").stat().st_size > 10_000
    assert str(tmp_path) not in text
    assert "nan" not in text
    for name in ("grid", "random"):
        assert len(list((output / name / "trials").iterdir())) == 4
    grid = search.read_trials(output / "grid", search.BUDGETS["tiny"].grid)
    assert {tuple(trial.values.values()) for trial in grid} == {
        (rate, dropout) for rate in (1e-4, 1e-3) for dropout in (0.0, 0.25)
    }
    top = max(grid, key=lambda trial: trial.score)
    assert f"| grid | 4 | 0.00 | {top.score:.2f} | {top.values['optimiser.rate']:.2g} |" in text

    before = {path: path.stat().st_mtime_ns for path in output.glob("*/trials/*/best.*")}
    assert search.main(words) == 0
    assert page.read_text() == text
    assert before == {path: path.stat().st_mtime_ns for path in before}

    (output / "grid" / "trials" / "0002" / "summary.json").unlink()
    assert search.main(words) == 1
    assert "a trial must have ended with a score" in capsys.readouterr().err
