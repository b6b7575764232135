"""What the library tells a program that listens to the logger "braininabox", and nobody else."""

import logging
import subprocess
import sys

import numpy as np

import braininabox as bb

TRAIN = """
import braininabox as bb, logging, numpy as np
model = bb.Sequential([bb.layers.Linear(1)])
model.compile(optimizer=bb.optimizers.SGD(0.1), loss=bb.loss.MSE())
model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=2)
model.save("model.safetensors")
bb.load("model.safetensors")
"""


def trained(epochs):
    model = bb.Sequential([bb.layers.Linear(1)])
    model.compile(optimizer=bb.optimizers.SGD(0.1), loss=bb.loss.MSE())
    model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=epochs)
    return model


def test_each_epoch_is_one_record_with_its_numbers(caplog):
    with caplog.at_level("INFO", logger="braininabox"):
        model = trained(epochs=3)
    records = [record for record in caplog.records if record.name == "braininabox.training"]
    assert [(record.levelname, record.args) for record in records] == [("INFO", logs) for logs in model.history]
    assert records[0].getMessage().startswith("trained an epoch: {'epoch': 1, 'train_loss': ")


def test_files_that_are_written_and_read_are_told_at_the_level_of_debugging(tmp_path, caplog):
    model, path = trained(epochs=1), tmp_path / "odd\nname"
    with caplog.at_level("DEBUG", logger="braininabox"):
        model.save(path)
        bb.load(path)
    size = path.stat().st_size
    assert [record.levelname for record in caplog.records] == ["DEBUG"] * 2
    assert caplog.messages == [f"{what} {tmp_path}/odd\\nname: {size} bytes" for what in ("wrote", "reading")]


def test_a_program_that_does_not_listen_sees_nothing(tmp_path):
    done = subprocess.run([sys.executable, "-c", TRAIN], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    handlers = logging.getLogger("braininabox").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)
