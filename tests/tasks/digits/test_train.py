import numpy as np
import pytest

from brainbox_core.datasets.idx import write_idx
from brainbox_core.errors import ConvergenceError, InputError, UsageError
from brainbox_core.model.sequential import Sequential
from brainbox_core.tasks.digits import train as digits
from brainbox_core.tasks.digits.settings import Settings

SMALL = {"epochs": 2, "limit": 1500}


@pytest.fixture(scope="module", params=[Settings.mnist, Settings.cnn], ids=["mnist", "cnn"])
def trained(request):
    settings = request.param(**SMALL)
    data = digits.load_data(settings)
    model = digits.build_model(settings, data)
    return settings, data, model, digits.train(model, settings, data)


def test_the_parts_share_no_row_and_the_limit_holds(trained):
    _, data, _, _ = trained
    assert data.counts == {"train": 1350, "val": 150, "test": 2000}
    rows = {image.tobytes() for image in data.train_images}
    assert not rows & {image.tobytes() for image in data.val_images}
    assert not rows & {image.tobytes() for image in data.test_images}
    assert np.bincount(data.val_labels).tolist() == pytest.approx([15] * 10, abs=3)


def test_a_small_training_already_learns(trained):
    settings, _, model, result = trained
    assert len(model.params) == settings.parameters
    assert result.metrics["test_accuracy"] > 0.6
    assert result.confusion.sum() == 2000
    assert np.trace(result.confusion) / 2000 == result.metrics["test_accuracy"]
    assert np.allclose(result.probabilities.sum(axis=1), 1, atol=1e-5)
    assert result.best_epoch == min(result.history, key=lambda logs: logs["val_loss"])["epoch"]


def test_a_saved_reader_predicts_the_same(trained, tmp_path):
    settings, data, model, _ = trained
    model.save(tmp_path / "m.safetensors")
    kind = "mnist" if settings.network == "mlp" else "cnn"
    again = digits.load_model(tmp_path / "m.safetensors", kind)
    assert digits.predict(again, data.test_images[:20]) == digits.predict(model, data.test_images[:20])
    assert again.meta["data"] == {"name": "digits", "sha256": data.sha256}
    with pytest.raises(InputError, match=kind):
        digits.load_model(tmp_path / "m.safetensors", "rnn")


def test_predictions_are_ranked_and_their_probabilities_are_those_of_the_softmax(trained):
    _, data, model, result = trained
    for found, expected in zip(digits.predict(model, data.test_images[:50], top=4), result.probabilities, strict=False):
        assert [label for label, _ in found.top] == [str(i) for i in np.argsort(-expected, kind="stable")[:4]]
        assert found.top[0] == (found.label, found.probability)
        assert found.probability == pytest.approx(expected.max(), abs=1e-6)


def test_test_pictures_decide_nothing(trained):
    """Other test pictures, same weights: nothing before the last evaluation looks at them."""
    settings, data, model, _ = trained
    from dataclasses import replace

    other = replace(data, test_images=data.test_images[::-1].copy(), test_labels=data.test_labels)
    again = digits.build_model(settings, other)
    digits.train(again, settings, other)
    assert (again.params.values == model.params.values).all()


def test_a_model_whose_classes_do_not_fit_is_refused(trained, tmp_path):
    _, _, model, _ = trained
    for number, classes in enumerate((["0"] * 10, [str(i) for i in range(9)], "0123456789", None, [*range(10)])):
        odd = Sequential.load(_saved(model, tmp_path / f"{number}.safetensors"))
        odd.meta = {**model.meta, "classes": classes}
        odd.save(tmp_path / "odd.safetensors")
        with pytest.raises(InputError, match="class names"):
            digits.load_model(tmp_path / "odd.safetensors", model.meta["kind"])


def _saved(model, path):
    model.save(path)
    return path


def test_shifted_pictures_keep_their_ink_and_move_by_whole_pixels():
    image = np.zeros((100, 28, 28), np.uint8)
    image[:, 10:18, 12:16] = np.arange(1, 33).reshape(8, 4)
    moved = digits.shifted(image, 4)
    assert (moved.sum(axis=(1, 2)) == image.sum(axis=(1, 2))).all()
    tops = {int(np.flatnonzero(picture.any(axis=1))[0]) for picture in moved}
    lefts = {int(np.flatnonzero(picture.any(axis=0))[0]) for picture in moved}
    assert (tops, lefts) == (set(range(6, 15)), set(range(8, 17)))
    assert (digits.shifted(image, 4) == moved).all()


def test_a_shift_of_the_whole_picture_is_refused(trained):
    _, data, model, _ = trained
    for shift in (-1, 28):
        with pytest.raises(UsageError, match="shift"):
            digits.evaluate(model, data, shift=shift)


def test_pictures_of_another_size_are_refused(tmp_path):
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", np.zeros((20, 8, 8), np.uint8))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.arange(20, dtype=np.uint8) % 10)
    with pytest.raises(InputError, match="expected 28x28, got 8x8"):
        digits.load_data(Settings.mnist(data=str(tmp_path)))


def test_one_convolution_too_many_names_its_layer():
    settings = Settings.cnn(filters=(4, 4, 4, 4), **SMALL)
    with pytest.raises(UsageError, match=r"layer 6 'conv2d_2' needs images of at least 5x5"):
        digits.build_model(settings, digits.load_data(settings))


def test_a_huge_layer_is_refused_with_what_it_needs():
    settings = Settings.mnist(hidden=(10**9,), **SMALL)
    with pytest.raises(UsageError, match=r"training needs 15,700.0 GB"):
        digits.build_model(settings, digits.load_data(settings))


def test_a_learning_rate_that_is_far_too_large_stops_with_weights_that_can_be_kept(tmp_path):
    settings = Settings.mnist(optimizer="sgd", lr=1e12, hidden=(32, 32), **SMALL)
    data = digits.load_data(settings)
    model = digits.build_model(settings, data)
    with pytest.raises(ConvergenceError, match="smaller learning rate"):
        digits.train(model, settings, data)
    assert model.optimizer.steps and np.isfinite(model.params.values).all()
    model.save(tmp_path / "x")
    kept = digits.load_model(tmp_path / "x", "mnist")
    assert kept.meta["data"]["sha256"] == data.sha256
    assert digits.predict(kept, data.test_images[:1])[0].label in data.classes


def test_guessing_is_noted():
    settings = Settings.mnist(optimizer="sgd", lr=1e-9, **SMALL)
    data = digits.load_data(settings)
    result = digits.train(digits.build_model(settings, data), settings, data)
    assert any("as if guessing" in note for note in result.notes)


def test_patience_ends_a_training_that_gets_no_better():
    settings = Settings.mnist(optimizer="sgd", lr=3.0, patience=1, epochs=20, limit=1500)
    data = digits.load_data(settings)
    result = digits.train(digits.build_model(settings, data), settings, data)
    assert len(result.history) < 20


def test_moved_pictures_are_others_in_every_epoch_and_the_same_in_every_run(monkeypatch):
    seen = []
    warp = digits.WARPS["mlp"]
    monkeypatch.setitem(digits.WARPS, "mlp", lambda x, rng: seen.append(warp(x, rng)) or seen[-1])
    settings = Settings.mnist(augment=True, epochs=2, limit=60)
    data = digits.load_data(settings)
    for _ in range(2):
        digits.train(digits.build_model(settings, data), settings, data)
    first, second, first_again, second_again = seen
    assert (first != second).any()
    assert (first == first_again).all()
    assert (second == second_again).all()
