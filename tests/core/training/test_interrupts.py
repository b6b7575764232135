"""Signals during a training: whole steps, the same bits afterwards, and handlers that are back in their place."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.training.callbacks import Callback, Checkpoint
from brainbox_core.training.interrupts import Interrupts
from tests.core.training.test_checkpoint import NUMBERS, TABLE, bits, dense


@pytest.fixture(autouse=True)
def handler():
    """Python's own: other tests of this process may have imported the command line, which has handlers of its own."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Kill(Callback):
    """Sends a signal to this process after some batches."""

    def __init__(self, batch, number=signal.SIGINT):
        self.left, self.number = batch, number

    def on_batch_end(self, model, logs):
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), self.number)


def test_a_keyboard_interrupt_leaves_a_model_that_can_be_used_and_goes_on(tmp_path):
    whole = dense()
    expected = bits(whole, whole.fit(TABLE, NUMBERS, epochs=3, batch_size=10))
    for batch in range(1, 12):
        model = dense()
        with pytest.raises(KeyboardInterrupt):
            model.fit(TABLE, NUMBERS, epochs=3, batch_size=10, callbacks=[Kill(batch)])
        assert model.optimizer.steps == batch and np.isfinite(model.predict(TABLE)).all()
        model.save(tmp_path / "c", checkpoint=True)
        assert len(model.fit(TABLE, NUMBERS, epochs=1)) == 1  # a training of its own
        again = bb.load(tmp_path / "c")
        assert bits(again, again.fit(TABLE, NUMBERS, epochs=3, batch_size=10))[:-1] == expected[:-1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_at_any_moment_waits_for_the_end_of_a_step(tmp_path):
    X, y = np.tile(TABLE, (15, 1)), np.tile(NUMBERS, (15, 1))
    whole = dense()
    expected = bits(whole, whole.fit(X, y, epochs=2, batch_size=8, validation_split=0.2))
    rng, stopped = np.random.default_rng(0), 0
    for _ in range(12):
        model = dense()
        timer = threading.Timer(rng.uniform(0, 0.06), os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            model.fit(X, y, epochs=2, batch_size=8, validation_split=0.2, callbacks=[Checkpoint(tmp_path / "c")])
            timer.join()
            time.sleep(0.01)
        except KeyboardInterrupt:
            stopped += 1
            if model.training is not None and model.optimizer.steps:
                model = bb.load(tmp_path / "c")
                assert bits(model, model.fit(X, y, epochs=2, batch_size=8, validation_split=0.2))[:-1] == expected[:-1]
    assert stopped > 3


def test_the_second_signal_is_not_kept_waiting():
    interrupts, done = Interrupts(), []
    with pytest.raises(KeyboardInterrupt), interrupts.installed(), interrupts:
        signal.raise_signal(signal.SIGINT)
        done.append("held")
        signal.raise_signal(signal.SIGINT)
        done.append("never")
    assert done == ["held"]


def test_a_signal_between_two_steps_is_not_held():
    interrupts = Interrupts()
    with pytest.raises(KeyboardInterrupt), interrupts.installed():
        with interrupts:
            pass
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_is_ignored_stays_ignored_and_what_is_left_to_the_system_stays_there(handler):
    before = signal.signal(signal.SIGHUP, handler)
    try:
        with Interrupts().installed():
            assert signal.getsignal(signal.SIGHUP) is handler
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_handler_that_a_program_installs_meanwhile_stays():
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda number, frame: signal.signal(signal.SIGTERM, signal.SIG_IGN))
    try:
        interrupts = Interrupts()
        with interrupts.installed(), interrupts:
            signal.raise_signal(signal.SIGTERM)
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_training_in_another_thread_touches_no_signals():
    found = []
    thread = threading.Thread(target=lambda: found.append(len(dense().fit(TABLE, NUMBERS, epochs=2))))
    thread.start()
    thread.join()
    assert found == [2]
