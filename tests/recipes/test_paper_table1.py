"""Table I: a run of seconds from nothing to the page, its rows, and the page of known results."""

import math
from pathlib import Path

import pytest

from unsmear import models
from unsmear.evaluate import BLURRED, SHARP, Row
from unsmear.recovery.analysis.results import conclude
from unsmear.recovery.collect.answers import Prediction, Predictions
from unsmear.train.config import options

HERE = Path(__file__).parents[2] / "recipes" / "paper"
OURS = ("wiener-local", "deep-wiener, estimated kernel")
PSNR = {SHARP: math.inf, BLURRED: 20.0, "wiener-local": 19.0, "deep-wiener, estimated kernel": 22.0}


@pytest.fixture(autouse=True)
def _recipe(monkeypatch):
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
    monkeypatch.syspath_prepend(HERE)


def test_every_row_is_a_training_at_equal_terms():
    import systems

    names = [system.name for system in systems.SYSTEMS]
    assert len(set(names)) == len(names)
    runs = {
        system.name: systems.configure(
            system, Path("pairs"), None, {"stop": {"processor_minutes": 2}}
        )
        for system in systems.SYSTEMS
    }
    for run in runs.values():
        models.check_options(run.model, run.options)
        assert (run.data.size, run.data.batch, run.data.workers) == (64, 4, 0)
        assert run.stop.processor_minutes == 2
        assert run.schedule.name == "cosine"
    for name, run in runs.items():
        assert (run.adversarial.loss != "none") == ("adversarial" in name)
        several = run.model in ("maxim", "multi-scale", "two-stage")
        assert (run.loss.outputs == "all") == several
    weights = runs["unet-l2"].loss.model_dump(exclude={"outputs"})
    assert {name for name, weight in weights.items() if weight} == {"l2"}
    needing = {system.name for system in systems.SYSTEMS if systems.perceptual(system)}
    gans = {"gan-adversarial", "deblurgan-adversarial"}
    assert needing == {"unet-perceptual", "dcae-perceptual", *gans}


def test_rows_are_chosen_by_name():
    import systems
    from unsmear.errors import OptionError

    assert [system.name for system in systems.chosen("maxim, unet-l1")] == ["maxim", "unet-l1"]
    assert systems.chosen("") == systems.SYSTEMS
    with pytest.raises(OptionError, match=r"--only must name some of unet-l1, .*got 'unet-l3'\."):
        systems.chosen("unet-l3")


def row(image, restorer, psnr):
    return Row(
        name=f"{image}", group=f"{image}", split="test", restorer=restorer, blur="paper",
        family="paper", length=None, angle=None, estimated_length=None, estimated_angle=None,
        psnr=psnr, gain_psnr=psnr + 1, ssim=0.5, gain=psnr - 20, worse=psnr < 20,
    )  # fmt: skip


def results(right):
    """Return results of two labels; right: the share of images of which each restorer knows it."""
    answers = []
    for image in range(40):
        truth = image % 2
        for restorer, share in right.items():
            found = truth if image < 40 * share else 1 - truth
            shares = (float(found == 0), float(found == 1))
            answers.append(
                Prediction(f"{image}", f"{image}", restorer, "paper", None, (truth,), shares, {})
            )
    return conclude(Predictions(("one", "two"), (0.5, 0.5), tuple(answers)), resamples=200)


def fake(names, environment):
    """Return entries and facts: the first row 25 dB, each other one a decibel more."""
    import systems
    import table1_page

    entries, psnr = [], dict(PSNR)
    for place, system in enumerate(systems.chosen(",".join(names))):
        psnr[system.name] = 25.0 + place
        summary = {"step": 10, "best_step": 8, "processor_seconds": 120.0, "seconds": 180.0}
        run = systems.configure(system, Path("pairs"), None, {})
        entry = table1_page.Entry(system, 1000 * (place + 1), summary, run, environment)
        entries.append(entry)
    right = {SHARP: 1.0, BLURRED: 0.5} | dict.fromkeys(psnr.keys() - {SHARP, BLURRED}, 0.75)
    facts = table1_page.Facts(
        [row(image, name, value) for image in range(40) for name, value in psnr.items()],
        results(right),
        dict.fromkeys(psnr.keys() - {SHARP, BLURRED}, 0.25),
        "light-cells",
        2.0,
        256,
    )
    return table1_page.write(entries, facts, "the command")


def test_the_page_has_what_is_printed_beside_ours():
    environment = {"data": {"pairs": 240}, "machine": "2 processor cores"}
    text = fake(["unet-l1", "unet-l2", "gan-adversarial"], environment)
    lines = {
        tuple(cells[:2]): cells
        for cells in (
            [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
        )
        if len(cells) == 13
    }
    blurred = lines["blurred", ""]
    assert blurred[5:7] == ["20.00 (20.00 to 20.00)", "21.00 (21.00 to 21.00)"]
    assert blurred[10] == "0"
    assert float(blurred[9]) == pytest.approx(50, abs=1)
    gan = lines["GAN", "perceptual, adversarial"]
    assert gan[4] == "21.8703 / 0.4340 / 26.1, HPA"
    assert gan[5].startswith("27.00")
    assert float(gan[9]) == pytest.approx(75, abs=1)
    assert gan[10].startswith("50 [")
    assert gan[11:] == ["3,000", "0.25"]
    assert "for 2 minutes of processor time on one thread, on the same 240 pairs" in text
    assert "scored on 40 others" in text
    assert "    the command" in text
    difference = next(line for line in text.splitlines() if "unet-l2 against unet-l1" in line)
    assert "+1.00 (+1.00 to +1.00)" in difference
    assert "| 2.00 | 1.00 | 10 / 10 |" in difference
    assert "two-stage-l2" not in text
    assert "| 10 | 40 | 8 | 2.00 | 3.00 |" in text


@pytest.mark.slow
def test_one_command_trains_scores_and_writes_the_page(tmp_path, monkeypatch, capsys):
    import systems
    import table1

    kept = [system for system in systems.SYSTEMS if system.name in ("unet-l1", "dcae-perceptual")]
    monkeypatch.setattr(systems, "SYSTEMS", tuple(kept))
    monkeypatch.setenv("UNSMEAR_HOME", str(tmp_path / "nothing"))
    output, page = tmp_path / "run", tmp_path / "table.md"
    words = ["--scale", "tiny", "--output", str(output), "--page", str(page)]
    assert table1.main([*words, "--minutes", "0.005"]) == 0
    said = capsys.readouterr().out
    assert "dcae-perceptual: left out, for VGG16's weights are not here" in said
    assert "unet-l1: " in said
    text = page.read_text()
    assert "| U-Net-based autoencoder | L1 | [14] |" in text
    assert "nan" not in text
    assert str(tmp_path) not in text
    run = options.check(options.read(output / "unet-l1" / "run.toml"))
    assert run.stop.processor_minutes == 0.005
    restored = list((output / "restored").rglob("*.png"))
    assert len(restored) == 6 * (len(OURS) + 1)

    before = {path: path.stat().st_mtime_ns for path in [*restored, *output.glob("*/best.*")]}
    assert table1.main([*words, "--minutes", "0.005"]) == 0
    assert "unet-l1: finished before." in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in before}

    assert table1.main([*words, "--minutes", "0.01"]) == 1
    assert "--minutes must be those of the finished run, 0.005" in capsys.readouterr().err
