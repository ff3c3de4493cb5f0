"""Overfitting of the DCAE: what differs in each training, a run of seconds, a killed one."""

from pathlib import Path

import pytest

from unsmear import models, tables
from unsmear.resume import flat
from unsmear.train.config import options

HERE = Path(__file__).parents[2] / "recipes" / "paper"
KEPT = ("baseline", "baseline-again", "more-images", "all-causes")


@pytest.fixture(autouse=True)
def _recipe(monkeypatch):
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
    monkeypatch.syspath_prepend(HERE)


def test_each_training_differs_in_its_own_options_alone():
    import overfitting
    from remedies import REMEDIES

    budget = overfitting.BUDGETS["small"]
    runs = {
        remedy.name: overfitting.configure(remedy, budget, Path("out"), Path("vgg"))
        for remedy in REMEDIES
    }
    first = runs["baseline"]
    parameters = models.build("dcae", **first.options).parameters()
    assert sum(parameter.numel() for parameter in parameters) == 1_406_979
    assert first.loss.model_dump(exclude={"outputs"}) == pytest.approx(
        dict.fromkeys(("l1", "l2", "charbonnier", "ssim", "frequency"), 0) | {"perceptual": 1}
    )
    paper = options.read(HERE / "dcae.toml")
    assert first.optimiser.model_dump().items() >= paper["optimiser"].items()
    before = flat(options.dump(first))
    for remedy in REMEDIES:
        models.check_options("dcae", runs[remedy.name].options)
        after = flat(options.dump(runs[remedy.name]))
        changed = {name for name in before | after if before.get(name) != after.get(name)}
        expected = set(flat(dict(remedy.changed))) | (
            {"data.pairs"} if remedy.all_images else set()
        )
        assert changed == expected


def test_a_few_images_are_taken_and_all_validation_images(tmp_path):
    import overfitting
    from unsmear.data import manifest
    from unsmear.data.manifest import Pair

    splits = ["train", "val", "train", "train", "val"]
    rows = [Pair(f"{n}.png", f"{n}", split) for n, split in enumerate(splits)]
    for row in rows:
        for path in row.files(tmp_path / "all"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(row.name)
    manifest.write(tmp_path / "all", rows)
    overfitting.take_few(tmp_path / "all", tmp_path / "few", 2)
    assert [row.name for row in manifest.read(tmp_path / "few")] == [
        "0.png", "1.png", "2.png", "4.png",
    ]  # fmt: skip
    assert (tmp_path / "few" / "sharp" / "2.png").read_text() == "2.png"


@pytest.fixture
def few(monkeypatch):
    """Keep some of the trainings."""
    import overfitting
    import remedies

    kept = [remedy for remedy in remedies.REMEDIES if remedy.name in KEPT]
    monkeypatch.setattr(remedies, "REMEDIES", tuple(kept))
    return overfitting


def test_trainings_are_chosen_by_name():
    import remedies
    from unsmear.errors import OptionError

    assert [one.name for one in remedies.chosen("l2, dropout")] == ["l2", "dropout"]
    assert remedies.chosen("") == remedies.REMEDIES
    with pytest.raises(OptionError, match=r"--only must name some of baseline, .*got 'more'\."):
        remedies.chosen("more")


@pytest.mark.slow
def test_one_command_trains_scores_and_resumes(tmp_path, few, capsys, monkeypatch):
    monkeypatch.setenv("UNSMEAR_HOME", str(tmp_path / "nothing"))
    output, page = tmp_path / "run", tmp_path / "page" / "overfitting.md"
    words = ["--output", str(output), "--page", str(page)]
    assert few.main(words) == 1
    assert "VGG16's weights are not here" in capsys.readouterr().err
    words += ["--scale", "tiny"]
    assert few.main([*words, "--only", "baseline,baseline-again"]) == 0
    assert not page.exists()
    assert few.main([*words, "--report-only"]) == 0
    assert "| baseline-again: " in page.read_text()
    assert "| all-causes: " not in page.read_text()
    assert few.main(words) == 0
    text = page.read_text()
    assert (page.parent / "pictures" / "overfitting.png").stat().st_size > 10_000
    assert str(tmp_path) not in text
    assert "nan" not in text
    unseen = tables.read(output / "baseline" / "validation.csv")
    seen = tables.read(output / "baseline" / few.TRAINING)
    assert [row["step"] for row in seen] == [1, 2]
    line = next(line for line in text.splitlines() if line.startswith("| baseline: "))
    assert f"| {unseen[-1]['psnr']:.2f} |" in line
    assert f"| {seen[-1]['psnr'] - unseen[-1]['psnr']:+.2f} |" in line

    before = {path: path.stat().st_mtime_ns for path in output.glob("*/best.*")}
    assert few.main(words) == 0
    assert "all-causes: finished before" in capsys.readouterr().out
    assert page.read_text() == text
    assert before == {path: path.stat().st_mtime_ns for path in before}

    # As if it had been killed between its last validation and the scores of the training images.
    kept = (output / "baseline" / few.TRAINING).read_text()
    (output / "baseline" / "summary.json").unlink()
    tables.write_csv(output / "baseline" / few.TRAINING, seen[:1])
    assert few.main(words) == 0
    assert (output / "baseline" / few.TRAINING).read_text() == kept
