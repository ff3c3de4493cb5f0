"""A search: what it draws, whom its trials belong to, and that none is lost."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from dataclasses import replace
from itertools import product

import cv2
import numpy as np
import pytest
from optuna.storages.journal import JournalFileBackend

from unsmear import images
from unsmear import lease as lease_module
from unsmear.atomic import written_aside
from unsmear.data import manifest
from unsmear.data.manifest import Pair
from unsmear.errors import OptionError, TrainingError
from unsmear.images import Image
from unsmear.train.config import options
from unsmear.train.run import Summary, train
from unsmear.train.search import search as searches
from unsmear.train.search import space
from unsmear.train.search.leases import Leases, Lock
from unsmear.train.search.search import SearchCallback, results, search
from unsmear.train.search.study import Search, open_study

RATE = {"low": 1e-4, "high": 1e-1, "log": True}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Return a folder of six small pairs."""
    folder, rows = tmp_path_factory.mktemp("pairs"), []
    for number in range(6):
        split = "val" if number > 3 else "train"
        row = Pair(f"p{number}.png", f"s{number}", split, width=16, height=16)
        sharp = np.random.default_rng(number).integers(0, 256, (3, 16, 16), np.uint8)
        blurred = np.stack([cv2.blur(plane, (5, 1)) for plane in sharp])
        for path, pixels in zip(row.files(folder), (sharp, blurred), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            images.write(path, Image(pixels, "CYX"))
        rows.append(row)
    manifest.write(folder, rows)
    return folder


def run_of(pairs, *tokens):
    small = "--data.size 16 --data.batch 2 --data.workers 0 --options.filters [4] --stop.steps 4"
    small += " --log.validate_every 2 --log.tensorboard false --schedule.warm 0"
    return options.resolve("dcae", None, [*small.split(), "--data.pairs", str(pairs), *tokens])


def search_of(pairs, trials=2, given=None, **options_of_search):
    run = run_of(pairs)
    given = given or {"optimiser.rate": RATE, "data.batch": [1, 2]}
    return Search(run, space.resolve(given, run), trials, **options_of_search)


def pretend(monkeypatch, score=lambda run: run.optimiser.rate, reason="steps", seconds=0.0):
    """Put a training that takes no time into the place of the real one; return its folders."""
    done = []

    def train(run, folder, callback, held):
        done.append(folder.name)
        time.sleep(seconds)
        return Summary(reason, 4, score(run), 2, 1.0, 1.0, 1.0)

    monkeypatch.setattr(searches.runs, "train", train)
    return done


def known(settings, folder):
    return {
        trial.number: trial
        for trial in results(open_study(settings, folder / "study.journal"), settings.space)
    }


class TestSpace:
    @pytest.mark.slow
    def test_a_range_is_whole_where_the_option_is(self, pairs):
        run = run_of(pairs)
        given = {"options.dropout": {"low": 0, "high": 1}, "data.batch": {"low": 1, "high": 9}}
        dimensions = space.resolve(given, run).dimensions
        assert type(dimensions["options.dropout"]).__name__ == "FloatDistribution"
        assert type(dimensions["data.batch"]).__name__ == "IntDistribution"

    @pytest.mark.slow
    def test_lists_are_choices(self, pairs):
        searched = space.resolve({"options.filters": [[4], [4, 8]]}, run_of(pairs))
        values = searched.values(
            {"options.filters": searched.dimensions["options.filters"].choices[1]}
        )
        assert space.apply(run_of(pairs), values).options["filters"] == [4, 8]

    @pytest.mark.parametrize(
        "written", ['"optimiser.rate" = {low=1, high=2}', "[optimiser]\nrate = {low=1, high=2}"]
    )
    def test_names_may_be_nested(self, tmp_path, written):
        path = tmp_path / "space.toml"
        path.write_text(written)
        assert space.read(path) == {"optimiser.rate": {"low": 1, "high": 2}}

    @pytest.mark.parametrize("model", ["dcae", "gan"])
    @pytest.mark.slow
    def test_what_is_built_in_fits(self, model):
        run = options.resolve(model)
        dimensions = space.resolve(space.built_in(model), run).dimensions
        assert {"optimiser.rate", "optimiser.weight_decay", "data.batch"} <= dimensions.keys()
        assert ("options.dropout" in dimensions and "options.filters" in dimensions) == (
            model == "dcae"
        )

    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ({"optimiser.rat": RATE}, "did you mean optimiser.rate"),
            (
                {"optimiser.rate": {"low": -1.0, "high": 1.0}},
                "optimiser.rate: input should be greater",
            ),
            ({"options.droput": [0.1]}, "Did you mean dropout"),
            ({"options.dropout": ["much"]}, "dropout must be like 0.0"),
            ({"optimiser.rate": 3}, "a dimension must be choices such as"),
            ({"optimiser.rate": {"low": 1.0, "high": 2.0, "lag": True}}, "a dimension must be"),
            ({"optimiser.rate": {"low": 2.0, "high": 1.0}}, "the range cannot be drawn from"),
            (
                {"optimiser.weight_decay": {"low": 0, "high": 1.0, "log": True}},
                "cannot be drawn from",
            ),
            ({"data.batch": []}, "a dimension must be"),
            ({"seed": [1, 2]}, "seed must be the same in all trials"),
            ({}, "at least one option"),
        ],
    )
    @pytest.mark.slow
    def test_what_cannot_be_is_said(self, pairs, given, sentence):
        with pytest.raises(OptionError, match=sentence):
            space.resolve(given, run_of(pairs))

    def test_a_loss_cannot_judge_its_own_weight(self, pairs):
        run = run_of(pairs, "--stop.monitor", "loss")
        with pytest.raises(OptionError, match=r"stop\.monitor"):
            space.resolve({"loss.l1": [0.1, 1.0]}, run)


class TestWhatIsDrawn:
    @pytest.mark.slow
    def test_depends_on_seed_number_and_name_alone(self, pairs, tmp_path, monkeypatch):
        pretend(monkeypatch)
        settings = search_of(pairs, 6)
        alone = {trial.number: trial.values for trial in search(settings, tmp_path / "alone")}
        pretend(monkeypatch, seconds=0.02)
        workers = [
            threading.Thread(target=lambda: list(search(settings, tmp_path / "many")))
            for _ in "abc"
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert {n: trial.values for n, trial in known(settings, tmp_path / "many").items()} == alone
        assert len({values["optimiser.rate"] for values in alone.values()}) == 6
        wider = search_of(pairs, 6, {"optimiser.rate": RATE, "options.dropout": [0.1, 0.2]})
        rates = {
            trial.number: trial.values["optimiser.rate"] for trial in search(wider, tmp_path / "w")
        }
        assert rates == {number: values["optimiser.rate"] for number, values in alone.items()}

    def test_is_other_for_another_seed(self, pairs, tmp_path, monkeypatch):
        pretend(monkeypatch)
        settings = search_of(pairs, 1)
        other_seed = replace(settings, run=settings.run.model_copy(update={"seed": 1}))
        (first,), (second,) = search(settings, tmp_path / "0"), search(other_seed, tmp_path / "1")
        assert first.values["optimiser.rate"] != second.values["optimiser.rate"]

    @pytest.mark.slow
    def test_tpe_learns(self, pairs, tmp_path, monkeypatch):
        pretend(monkeypatch, lambda run: -abs(np.log(run.optimiser.rate / 0.03)))
        given = {"optimiser.rate": RATE}
        mean_scores = {}
        for sampler in ("random", "tpe"):
            settings = search_of(pairs, 30, given, sampler=sampler)
            scores = [trial.score for trial in search(settings, tmp_path / sampler)]
            mean_scores[sampler] = np.mean(scores[15:])
        assert mean_scores["tpe"] > mean_scores["random"] + 0.5


class TestGrid:
    GIVEN = {"options.filters": [[4], [4, 8], [8]], "optimiser.rate": [1e-3, 1e-2]}  # noqa: RUF012

    def test_takes_every_combination_once(self, pairs, tmp_path, monkeypatch):
        pretend(monkeypatch)
        settings = search_of(pairs, 6, self.GIVEN, sampler="grid")
        ended = list(search(settings, tmp_path))
        tried = [
            (trial.values["optimiser.rate"], trial.values["options.filters"]) for trial in ended
        ]
        assert tried == list(product([1e-3, 1e-2], [[4], [4, 8], [8]]))
        assert [trial.score for trial in ended] == [1e-3] * 3 + [1e-2] * 3

    def test_goes_on_where_it_was(self, pairs, tmp_path, monkeypatch):
        pretend(monkeypatch)
        whole = search_of(pairs, 6, self.GIVEN, sampler="grid")
        assert len(list(search(replace(whole, trials=4), tmp_path))) == 4
        assert [trial.number for trial in search(whole, tmp_path)] == [4, 5]

    def test_has_no_more_points_than_choices(self, pairs):
        with pytest.raises(OptionError, match="at most the 6 points of the grid, got 7"):
            search_of(pairs, 7, self.GIVEN, sampler="grid")

    def test_a_range_has_no_points(self, pairs):
        with pytest.raises(OptionError, match=r"optimiser.rate must have choices .* got a range"):
            search_of(pairs, 1, {"optimiser.rate": RATE}, sampler="grid")

    def test_the_study_is_no_random_search_s(self, pairs, tmp_path, monkeypatch):
        pretend(monkeypatch)
        settings = search_of(pairs, 1, self.GIVEN, sampler="grid")
        list(search(settings, tmp_path))
        with pytest.raises(OptionError, match="a study that differs in sampler"):
            list(search(replace(settings, sampler="random"), tmp_path))


class TestSharing:
    @pytest.mark.slow
    def test_each_trial_is_one_processs(self, pairs, tmp_path, monkeypatch):
        done = pretend(monkeypatch, seconds=0.03)
        settings = search_of(pairs, 9)
        workers = [threading.Thread(target=lambda: list(search(settings, tmp_path))) for _ in "abc"]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert sorted(done) == [f"{number:04d}" for number in range(9)]
        assert {trial.outcome for trial in known(settings, tmp_path).values()} == {"done"}

    def test_nobody_takes_what_a_living_process_has(self, tmp_path):
        mine, others = Leases(tmp_path), Leases(tmp_path)
        with others.alone():
            lease = others.take(3)
        with lease.renewing():
            assert mine.state(3) == "taken"
        assert mine.state(3) == "free"

    def test_what_a_dead_process_had_is_found(self, tmp_path):
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        place = Leases(tmp_path).process.split(" ")[0]
        dead = Leases(tmp_path, f"{place} {gone.pid} x")
        elsewhere = Leases(tmp_path, "another-machine 1 x")
        with dead.alone():
            dead.take(0)
            path = elsewhere.take(1).path
        assert Leases(tmp_path).state(0) == "orphaned"
        assert Leases(tmp_path).state(1) == "taken"
        old = time.time() - lease_module.GRACE - 10
        os.utime(path, (old, old))
        assert Leases(tmp_path).state(1) == "orphaned"

    def test_who_lost_a_trial_writes_nothing(self, pairs, tmp_path):
        settings = search_of(pairs, 1)

        class Rob(SearchCallback):
            def trial(self, number, values):
                claim = tmp_path / "study.journal.claims" / f"{number:04}"
                assert claim.exists()
                claim.write_text("elsewhere 1 another")  # who took it as this one seemed dead

        (lost,) = _first(search(settings, tmp_path, callback=Rob()))
        assert lost.outcome == "lost"
        assert known(settings, tmp_path)[0].outcome == "unfinished"

    @pytest.mark.slow
    def test_the_half_of_a_line_is_mended(self, pairs, tmp_path, monkeypatch):
        pretend(monkeypatch)
        list(search(search_of(pairs, 1), tmp_path))
        with (tmp_path / "study.journal").open("a") as journal:
            journal.write('{"op_code":4,"wor')
        assert [trial.number for trial in search(search_of(pairs, 2), tmp_path)] == [1]

    @pytest.mark.slow
    def test_another_search_is_refused(self, pairs, tmp_path, monkeypatch):
        pretend(monkeypatch)
        list(search(search_of(pairs, 1), tmp_path))
        other_space = search_of(pairs, 2, {"optimiser.rate": RATE, "data.batch": [1, 4]})
        with pytest.raises(OptionError, match=r"differs in space of data\.batch\."):
            list(search(other_space, tmp_path))

    def test_a_file_that_is_no_journal_is_refused(self, pairs, tmp_path):
        (tmp_path / "study.journal").write_text("trial,score\n1,2\n3,4\n")
        with pytest.raises(OptionError, match="must be a search's journal"):
            list(search(search_of(pairs), tmp_path))


class TestTrials:
    @pytest.mark.slow
    def test_a_trial_is_a_run_like_any_other(self, pairs, tmp_path):
        settings = search_of(pairs, 2)
        ended = list(search(settings, tmp_path))
        assert [trial.outcome for trial in ended] == ["done", "done"]
        best = max(ended, key=lambda trial: trial.score)
        again = options.resolve("dcae", tmp_path / "best.toml")
        assert again == space.apply(settings.run, best.values)
        assert train(again, tmp_path / "again").best == best.score
        renewing = json.loads((tmp_path / f"trials/{best.number:04d}/summary.json").read_text())
        assert renewing["best"] == best.score
        assert results(open_study(settings, tmp_path / "study.journal"), settings.space)[0] == best

    @pytest.mark.slow
    def test_one_that_fails_is_kept_with_its_sentence(self, pairs, tmp_path, monkeypatch):
        def score(run):
            if run.data.batch == 1:
                raise TrainingError("memory ran out.")
            if run.data.batch == 4:
                raise ZeroDivisionError("no")
            return float("nan") if run.data.batch == 3 else 1.0

        pretend(monkeypatch, score)
        settings = search_of(pairs, 16, {"data.batch": [1, 2, 3, 4]})
        errors = {trial.values["data.batch"]: trial.error for trial in search(settings, tmp_path)}
        assert errors == {
            1: "memory ran out.",
            2: "",
            3: "the score must be a number, got nan.",
            4: "ZeroDivisionError: no",
        }

    @pytest.mark.slow
    def test_the_lowest_loss_is_the_best(self, pairs, tmp_path, monkeypatch):
        pretend(monkeypatch)
        run = run_of(pairs, "--stop.monitor", "loss")
        settings = Search(run, space.resolve({"optimiser.rate": RATE}, run), 5)
        rates = [trial.score for trial in search(settings, tmp_path)]
        best = tomllib.loads((tmp_path / "best.toml").read_text())
        assert best["optimiser"]["rate"] == min(rates)

    @pytest.mark.slow
    @pytest.mark.parametrize("pruner", ["median", "halving"])
    def test_hopeless_ones_are_pruned(self, pairs, tmp_path, monkeypatch, pruner):
        steps = []

        def train(run, folder, callback, held):
            folder.mkdir(parents=True)
            rows = (folder / "validation.csv").open("w")
            rows.write("step\n")
            for step in range(1, 13):
                rows.write(f"{step}\n")
                rows.flush()
                if callback.validation(step, {"psnr": -run.optimiser.rate}):
                    steps.append(step)
                    return Summary("pruned", step, -run.optimiser.rate, step, 1.0, 1.0, 1.0)
            return Summary("steps", step, -run.optimiser.rate, step, 1.0, 1.0, 1.0)

        monkeypatch.setattr(searches.runs, "train", train)
        settings = search_of(pairs, 20, pruner=pruner)
        ended = list(search(settings, tmp_path))
        pruned = [trial for trial in ended if trial.outcome == "pruned"]
        done = [trial for trial in ended if trial.outcome == "done"]
        assert len(pruned) == len(steps) > 3
        assert min(steps) >= 2
        assert np.median([trial.score for trial in pruned]) < np.median(
            [trial.score for trial in done]
        )
        assert max(ended, key=lambda trial: trial.score).outcome == "done"

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"trials": 0}, "trials must be 1 or more, got 0"),
            ({"run": ("--machine.devices", "2")}, "must be 1 in a search, got 2 and 1"),
        ],
    )
    def test_what_cannot_be_is_said(self, pairs, wrong, sentence):
        run = run_of(pairs, *wrong.pop("run", ()))
        with pytest.raises(OptionError, match=sentence):
            Search(run, space.resolve({"data.batch": [1]}, run), **wrong)


class TestNoneIsLost:
    @pytest.mark.slow
    def test_one_that_was_stopped_goes_on(self, pairs, tmp_path):
        class Stop(SearchCallback):
            def step(self, step):
                if step.number == 3:
                    signal.raise_signal(signal.SIGINT)

        settings = search_of(pairs, 2)
        (stopped,) = search(settings, tmp_path / "a", callback=Stop())
        assert stopped.outcome == "stopped"
        begun = []

        class Note(SearchCallback):
            def begin(self, step, last):
                begun.append(step)

        went_on = list(search(settings, tmp_path / "a", callback=Note()))
        assert begun == [3, 0]
        straight = list(search(settings, tmp_path / "b"))
        assert [trial.score for trial in went_on] == [trial.score for trial in straight]

    @pytest.mark.slow
    def test_one_that_was_killed_goes_on(self, pairs, tmp_path):
        settings = search_of(pairs, 1)
        code = f"""
import os, signal
from pathlib import Path
from unsmear.train.config import options
from unsmear.train.search import space
from unsmear.train.search.search import SearchCallback, search
from unsmear.train.search.study import Search

class Kill(SearchCallback):
    def step(self, step):
        if step.number == 3:
            os.kill(os.getpid(), signal.SIGKILL)

run = options.check({options.dump(settings.run)!r})
given = {{"optimiser.rate": {RATE!r}, "data.batch": [1, 2]}}
list(search(Search(run, space.resolve(given, run), 1), Path({str(tmp_path / "a")!r}),
            callback=Kill()))
"""
        ended = subprocess.run([sys.executable, "-c", code], check=False)
        assert ended.returncode == -signal.SIGKILL
        begun = []

        class Note(SearchCallback):
            def begin(self, step, last):
                begun.append(step)

        (went_on,) = search(settings, tmp_path / "a", callback=Note())
        (straight,) = search(settings, tmp_path / "b")
        assert begun == [2]  # the validation at step 2 saved
        assert (went_on.score, went_on.values) == (straight.score, straight.values)

    @pytest.mark.slow
    def test_one_that_a_full_disk_ended_goes_on(self, pairs, tmp_path):
        settings = search_of(pairs, 2)
        begun = []

        class Full(SearchCallback):
            def begin(self, step, last):
                begun.append(step)

            def step(self, step):
                if step.number == 3:
                    with written_aside(tmp_path / "state.pt"):
                        full()

        sentence = r"trial 0000: state\.pt: .*No space left.*; make room and repeat the command"
        with pytest.raises(TrainingError, match=sentence):
            list(search(settings, tmp_path / "a", callback=Full()))
        assert known(settings, tmp_path / "a")[0].outcome == "unfinished"
        Full.step = SearchCallback.step
        went_on = list(search(settings, tmp_path / "a", callback=Full()))
        assert begun == [0, 2, 0]  # the validation at step 2 saved
        straight = list(search(settings, tmp_path / "b"))
        assert [trial.score for trial in went_on] == [trial.score for trial in straight]

    def test_the_best_that_a_full_disk_prevented_is_written(self, pairs, tmp_path, monkeypatch):
        pretend(monkeypatch)
        settings = search_of(pairs, 1)
        with monkeypatch.context() as patch:
            patch.setattr(searches, "write_aside", full)
            with pytest.raises(TrainingError, match=r"trial 0000: No space left.*; make room"):
                list(search(settings, tmp_path))
        assert list(search(settings, tmp_path)) == []
        assert (tmp_path / "best.toml").exists()

    @pytest.mark.parametrize("appended", range(5))
    def test_a_journal_that_a_full_disk_cuts_goes_on(self, pairs, tmp_path, monkeypatch, appended):
        """Opening it, asking for a trial and drawing its values write to it."""
        pretend(monkeypatch)
        settings = search_of(pairs, 2)
        append, written = JournalFileBackend.append_logs, []

        def filled(self, logs):
            if len(written) == appended:
                full()
            written.append(logs)
            append(self, logs)

        with monkeypatch.context() as patch:
            patch.setattr(JournalFileBackend, "append_logs", filled)
            with pytest.raises(TrainingError, match=r"^[^;]*: No space left[^;]*; make room and"):
                list(search(settings, tmp_path))
        list(search(settings, tmp_path))
        assert [trial.outcome for trial in known(settings, tmp_path).values()] == ["done", "done"]

    def test_one_that_kills_its_process_fails_in_the_end(self, pairs, tmp_path, monkeypatch):
        settings = search_of(pairs, 1)
        leases = Leases(tmp_path / "study.journal.claims", "another-machine 1 x")

        def train(run, folder, callback, held):
            raise KeyboardInterrupt

        monkeypatch.setattr(searches.runs, "train", train)
        for _ in range(searches.KILLS):
            with pytest.raises(KeyboardInterrupt):
                list(search(settings, tmp_path))
            with leases.alone():  # as if it had been killed
                path = leases.take(0).path
            os.utime(path, (0, 0))
        (ended,) = search(settings, tmp_path)
        assert ended.outcome == "failed"
        assert "killed 3 times" in ended.error

    @pytest.mark.slow
    def test_one_that_ended_untold_is_told(self, pairs, tmp_path, monkeypatch):
        settings = search_of(pairs, 1)

        def train(run, folder, callback, held):
            folder.mkdir(parents=True)
            summary = {"reason": "steps", "step": 4, "best": 7.0, "best_step": 4}
            speeds = {"samples_per_second": 1.0, "samples_per_second_alone": 1.0, "seconds": 1.0}
            (folder / "summary.json").write_text(json.dumps(summary | speeds))
            raise KeyboardInterrupt

        monkeypatch.setattr(searches.runs, "train", train)
        with pytest.raises(KeyboardInterrupt):
            list(search(settings, tmp_path))
        (ended,) = search(settings, tmp_path)
        assert (ended.outcome, ended.score) == ("done", 7.0)


def _first(trials):
    """Return the first of what would go on for ever."""
    trial = next(trials)
    trials.close()
    return [trial]


def test_a_full_disk_leaves_no_lock_behind(tmp_path, monkeypatch):
    """Optuna renames a lock to delete it, and waits half a minute for one that is left."""
    lock = Lock(str(tmp_path / "study.journal"))
    assert lock.acquire()
    monkeypatch.setattr(os, "rename", full_of_names)
    lock.release()
    assert not list(tmp_path.iterdir())


def test_a_lock_that_cannot_be_deleted_is_left(tmp_path, monkeypatch):
    """Once it was renamed, its name may be another's; without rights nobody deletes anything."""
    lock = Lock(str(tmp_path / "study.journal"))

    def taken_meanwhile(renamed):
        assert lock.acquire()
        full()

    def not_allowed(source, target):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), source, None, target)

    for name, wrong in (("unlink", taken_meanwhile), ("rename", not_allowed)):
        (tmp_path / "study.journal.lock").unlink(missing_ok=True)
        assert lock.acquire()
        with monkeypatch.context() as patch:
            patch.setattr(os, name, wrong)
            with pytest.raises(RuntimeError):
                lock.release()
        assert (tmp_path / "study.journal.lock").exists()


def test_a_lock_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(RuntimeError):
        Lock(str(tmp_path / "study.journal")).release()


def test_a_lock_that_is_gone_at_the_end_of_its_context_is_none(tmp_path):
    leases = Leases(tmp_path / "claims")
    with leases.alone():
        (tmp_path / "claims" / "all.lock").unlink()
    with leases.alone():
        assert (tmp_path / "claims" / "all.lock").exists()


def test_of_two_that_release_a_stale_lock_the_slower_takes_it_as_well(tmp_path, monkeypatch):
    """Where another has released it in between, Optuna goes on to try to take it."""
    lock, path = Lock(str(tmp_path / "study.journal")), tmp_path / "study.journal.lock"
    path.touch()
    lock.grace_period = 0
    rename, tried = os.rename, []

    def won_by_another(source, target):
        tried.append(source)
        path.unlink()
        rename(source, target)

    monkeypatch.setattr(os, "rename", won_by_another)
    assert lock.acquire()
    assert path.exists()
    assert len(tried) == 1


def full_of_names(source, target):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source), None, str(target))


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
