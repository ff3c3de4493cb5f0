"""When a run stops, and what a validation decides; without a network."""

import os
import signal
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from unsmear.train.config.restorer import Run, Schedule, Stop
from unsmear.train.engine.job import Job
from unsmear.train.engine.loop import State
from unsmear.train.engine.stopping import Stopping, ended_by_scheduler, finished, interruptible
from unsmear.train.engine.validation import update_best


def job_of(state, world=1, samples=100, **stop):
    run = Run(model="dcae", stop=Stop(**stop))
    fabric = SimpleNamespace(world_size=world, is_global_zero=True, broadcast=lambda reason: reason)
    return Job(fabric, run, None, SimpleNamespace(data=range(samples)), {}, state)


def test_epochs_become_steps_of_all_devices():
    assert job_of(State(), epochs=2.0).last_step == 13  # of 16 samples
    assert job_of(State(), world=2, epochs=2.0).last_step == 7
    assert job_of(State(), samples=3, epochs=0.1).last_step == 1
    assert job_of(State(), epochs=2.0, steps=5).last_step == 5
    assert job_of(State()).validate_every == 6
    assert job_of(State()).epoch(25) == 4


def test_the_reasons_come_in_their_order():
    interrupted = threading.Event()

    def after(step, **stop):
        state = State(step=step, seconds=61.0, processor_seconds=31.0)
        return Stopping(job_of(state, **stop), interrupted).after_step()

    assert after(3, steps=9) is None
    assert after(3, steps=9, minutes=1.0) == "minutes"
    assert after(3, steps=9, minutes=2.0, processor_minutes=0.5) == "minutes"
    assert after(3, steps=9, processor_minutes=0.6) is None
    interrupted.set()
    assert after(3, steps=9, minutes=1.0) == "stopped"
    assert after(9, steps=9, minutes=1.0) == "steps"


def test_several_processes_agree_only_where_a_row_of_the_log_is_full():
    interrupted = threading.Event()
    interrupted.set()
    for step, reason in ((49, None), (50, "stopped"), (1000, "steps")):
        job = job_of(State(step=step), world=2, steps=1000)
        assert Stopping(job, interrupted).after_step() == reason


def test_patience_ends_a_run_and_the_last_step_does():
    assert finished(job_of(State(step=3, stale=4), steps=9, patience=4)) == "patience"
    assert finished(job_of(State(step=3, stale=3), steps=9, patience=4)) is None
    assert finished(job_of(State(step=9, stale=4), steps=9, patience=4)) == "steps"


@pytest.mark.parametrize(("monitor", "scores"), [("psnr", (30, 31)), ("loss", (0.2, 0.1))])
def test_what_is_better_is_noted_and_the_rate_falls_where_nothing_is(monitor, scores):
    run = Run(
        model="dcae",
        stop=Stop(monitor=monitor),
        schedule=Schedule(name="plateau", patience=2, factor=0.5),
    )
    state = State(step=5)
    assert update_best(run, state, scores[0])
    state = replace(state, step=10)
    assert update_best(run, state, scores[1])
    assert (state.best, state.best_step) == (scores[1], 10)
    for plateau in (1.0, 0.5, 0.5, 0.25):
        assert not update_best(run, state, scores[1])
        assert state.plateau == plateau
    assert (state.stale, state.best_step) == (4, 10)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(5)


@pytest.mark.slow
def test_a_second_ctrl_c_is_not_kept_back():
    with interruptible() as interrupted:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupted.wait(5)
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_ends_a_program_lets_a_step_be_completed(number):
    before = signal.getsignal(number)
    with interruptible() as interrupted:
        os.kill(os.getpid(), number)
        assert interrupted.wait(5)
        assert signal.getsignal(number) == before
    assert signal.getsignal(number) == before
    assert ended_by_scheduler() == (number == signal.SIGTERM)
