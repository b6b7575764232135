"""The spam filter: each text in one part only, what it learns, and files that are not one."""

import dataclasses
import re
import time

import numpy as np
import pytest

from brainbox_core.errors import ConvergenceError, InputError, UsageError
from brainbox_core.kernels.sparse import SparseRows
from brainbox_core.network import saving
from brainbox_core.tasks.spam import train as spam
from brainbox_core.tasks.spam.data import folds_of, remarks, usual
from brainbox_core.tasks.spam.settings import RATES, Settings
from brainbox_core.tasks.spam.train import LOSSES, derivative
from brainbox_core.tensor import Tensor
from brainbox_core.text import tokens
from brainbox_core.text.tokens import tokenize
from brainbox_core.training.callbacks import Callback

SPAM, HAM = "Buy cheap meds now!! Click here", "Hey mom, are we still on for dinner?"


@pytest.fixture(scope="module")
def trained():
    settings = Settings()
    data = spam.load_data(settings)
    model = spam.build_model(settings, data)
    return settings, data, model, spam.train(model, settings, data)


def written(path, rows) -> str:
    path.write_text("".join(f"{label}\t{message}\n" for label, message in rows))
    return str(path)


def numbered(count: int = 50) -> list[tuple[str, str]]:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    return [
        (label, f"{start} {words[number % 10]} {words[number // 10 % 10]}")
        for label, start in (("spam", "win"), ("ham", "mum"))
        for number in range(count)
    ]


# the parts


def test_every_message_is_in_one_part_and_both_kinds_are_in_all(trained):
    data = trained[1]
    parts = (data.train, data.val, data.test)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(data.texts)))
    shares = [data.labels[part].mean() for part in parts]
    assert max(shares) - min(shares) < 0.01
    assert data.counts == {"train": 3220, "val": 460, "test": 920}


def test_repeated_texts_never_straddle_the_split_and_this_is_said(tmp_path):
    rows = numbered()
    repeated = [(label, message.upper() + "...") for label, message in rows if label == "ham"]  # shouted: other words
    copies = [(label, f"  {message.replace(' ', '   ')}") for label, message in rows[:30]]
    path = written(tmp_path / "m.tsv", [*rows, *copies, *repeated])
    data = spam.load_data(Settings(data=path))
    keys = [tuple(tokenize(message)) for message in data.texts]
    assert len(keys) == len(set(keys)) == len(rows) + len(repeated)
    assert any("30 of 180 messages repeat the words of an earlier one" in note for note in data.notes)


def test_contradictions_are_said_and_the_first_label_counts(tmp_path):
    path = written(tmp_path / "m.tsv", [*numbered(), ("ham", "win one one")])
    data = spam.load_data(Settings(data=path))
    assert data.labels[data.texts.index("win one one")] == 1
    assert any("1 of them" in note for note in data.notes)


def test_the_vocabulary_is_that_of_the_training_part(tmp_path):
    rows = [(label, f"{message} x{number}y") for number, (label, message) in enumerate(numbered())]
    data = spam.load_data(Settings(data=written(tmp_path / "m.tsv", rows), chars=0))
    own = {word for number in data.train for word in tokenize(data.texts[number])}
    assert {name for name in data.bag.vocabulary if name.isalnum()} == own


def test_the_limit_is_of_the_training_messages_alone():
    some, all_ = (spam.load_data(Settings(limit=limit)) for limit in (500, None))
    assert (some.counts["train"] + some.counts["val"], some.counts["test"]) == (500, 920)
    assert 20 < some.counts["val"] < 90  # two of sixteen blocks
    np.testing.assert_array_equal(some.test, all_.test)


@pytest.mark.parametrize("few", [0, 1, 4])
@pytest.mark.parametrize("label", ["ham", "spam"])
def test_too_few_of_a_kind(few, label, tmp_path):
    rows = [row for row in numbered() if row[0] != label]
    rows += [row for row in numbered() if row[0] == label][:few]
    with pytest.raises(InputError, match="at least 5 of each"):
        spam.load_data(Settings(data=written(tmp_path / "m.tsv", rows)))


def test_five_of_a_kind_are_enough(tmp_path):
    rows = numbered()[:5] + numbered()[-40:]
    settings = Settings(data=written(tmp_path / "m.tsv", rows), epochs=2)
    data = spam.load_data(settings)
    assert spam.train(spam.build_model(settings, data), settings, data).confusion[1].sum() == 1


def test_a_limit_that_leaves_one_kind(tmp_path):
    with pytest.raises(UsageError, match="all of one kind"):
        spam.load_data(
            Settings(data=written(tmp_path / "m.tsv", numbered()[:5] + numbered()[-40:]), limit=2, val_split=0.5)
        )


# learning


def test_the_examples(trained):
    _, _, model, result = trained
    assert result.metrics["test_f1"] > 0.97
    spam_filter = spam.SpamFilter(model)
    bought, dinner = spam_filter.predict([SPAM, HAM])
    assert (bought.label, dinner.label) == ("spam", "ham")
    assert bought.probability >= 0.99 and dinner.probability <= 0.01


def test_what_the_parts_add_is_the_logit(trained):
    spam_filter = spam.SpamFilter(trained[2])
    for message in (SPAM, HAM, "free free free", "!"):
        total = spam_filter.bias + sum(value for _, value in spam_filter.why(message))
        (prediction,) = spam_filter.predict([message])
        if prediction.known:
            assert 1 / (1 + np.exp(-total)) == pytest.approx(prediction.probability, rel=1e-4)


@pytest.mark.parametrize("message", ["", "   ", "🎉", "!!!", "qzxv wqkj", "\u200b"])
def test_without_a_known_word_the_answer_is_the_share_of_spam(message, trained):
    _, data, model, _ = trained
    (prediction,) = spam.SpamFilter(model).predict([message])
    assert prediction == spam.Prediction("ham", pytest.approx(data.labels[data.train].mean()), known=False)


def test_in_a_hashed_vocabulary_a_column_that_no_message_had_is_not_known(tmp_path):
    settings = Settings(data=written(tmp_path / "m.tsv", numbered()), chars=0, vocabulary=12, epochs=2)
    data = spam.load_data(settings)
    assert data.bag.vocabulary is None
    model = spam.build_model(settings, data)
    result = spam.train(model, settings, data)
    assert result.telling == {}
    unused = np.flatnonzero(model.layers[0].weight.data[:, 0] == 0)
    words = (f"w{number}" for number in range(10_000))
    unknown = next(word for word in words if set(data.bag.word_columns(word)) <= set(unused.tolist()))
    assert [p.known for p in spam.SpamFilter(model).predict([unknown, "win"])] == [False, True]


def test_the_threshold_is_inclusive_and_may_be_another(trained):
    _, data, model, _ = trained
    p = spam.SpamFilter(model).predict([SPAM])[0].probability
    assert spam.SpamFilter(model, p).predict([SPAM])[0].label == "spam"
    assert spam.SpamFilter(model, np.nextafter(p, 1)).predict([SPAM])[0].label == "ham"
    assert spam.evaluate(model, data, 0.999).metrics["test_recall"] < spam.evaluate(model, data).metrics["test_recall"]


def test_the_figures_are_those_of_the_confusion_matrix(trained):
    _, data, _, result = trained
    (passed, blocked), (missed, caught) = result.confusion.tolist()
    found = result.metrics
    assert found["primary"] == "test_f1"
    assert found["test_f1"] == pytest.approx(2 * caught / (2 * caught + blocked + missed))
    assert found["test_accuracy"] == pytest.approx((passed + caught) / len(data.test))
    assert found["test_ham_blocked"] == blocked / (passed + blocked)
    assert found["baseline_accuracy"] == pytest.approx((passed + blocked) / len(data.test))
    assert found["val_loss"] == min(row["val_loss"] for row in result.history)


def test_cross_validation_judges_every_message_once(tmp_path):
    settings = Settings(data=written(tmp_path / "m.tsv", numbered()), folds=5, epochs=5)
    data = spam.load_data(settings)
    found = spam.train(spam.build_model(settings, data), settings, data).metrics
    assert (found["cv_accuracy"], found["cv_f1"], found["cv_ham_blocked"]) == (1, 1, 0)


def by_chance() -> list[tuple[str, str]]:
    """Messages whose labels only learning by heart could tell."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [
        ("spam" if number % 2 else "ham", f"go {letters[number % 26]}{letters[number // 26]}") for number in range(60)
    ]


def test_a_fold_is_not_learned_from(tmp_path):
    settings = Settings(data=written(tmp_path / "m.tsv", by_chance()), folds=10, chars=0, l2=0, threshold=0.5)
    data = spam.load_data(settings)
    found = spam.train(spam.build_model(settings, data), settings, data).metrics
    assert found["cv_accuracy"] < 0.7


def test_the_penalty_makes_the_weights_smaller(tmp_path):
    path = written(tmp_path / "m.tsv", numbered())
    norms = []
    for l2 in (0, 1.0):
        settings = Settings(data=path, l2=l2)
        data = spam.load_data(settings)
        model = spam.build_model(settings, data)
        spam.train(model, settings, data)
        norms.append(np.linalg.norm(model.layers[0].weight.data))
    assert norms[1] < norms[0] / 2


@pytest.mark.parametrize("optimizer", RATES)
def test_every_optimizer_learns(optimizer):
    settings = Settings.suited(optimizer=optimizer, epochs=5, limit=2000)
    data = spam.load_data(settings)
    assert spam.train(spam.build_model(settings, data), settings, data).metrics["test_f1"] > 0.95


def test_messages_of_any_length_are_learned_alike(tmp_path):
    settings = Settings(data=written(tmp_path / "m.tsv", by_chance()), l2=0, epochs=3)
    data = spam.load_data(settings)
    rows = data.rows
    longer = dataclasses.replace(data, rows=SparseRows(rows.indptr, rows.indices, 8 * rows.data, rows.shape[1]))
    logs = [spam.train(spam.build_model(settings, some), settings, some).history[-1] for some in (data, longer)]
    assert logs[1]["val_loss"] == pytest.approx(logs[0]["val_loss"], rel=0.05)  # the bias is no longer than before


def test_the_worst_mistake_and_how_little_the_squared_error_makes_of_it(tmp_path):
    wrong = [("spam", f"{word} mum {word}") for word in ("one", "two", "ten")]  # the words of ham, in another order
    path = written(tmp_path / "m.tsv", [*numbered(), *wrong])
    settings = Settings(data=path, loss="mse", chars=0, val_split=0.02)
    data = spam.load_data(settings)
    model = spam.build_model(settings, data)
    result = spam.train(model, settings, data)
    mistake = result.mistake
    assert result.loss == "mse" and (mistake.label, mistake.text) in wrong and mistake.probability < 0.4
    assert mistake.pulls["log"] == pytest.approx(mistake.probability - 1)
    assert abs(mistake.pulls["mse"]) < abs(mistake.pulls["log"]) / 2
    assert type(model.loss).__name__ == "BinaryCrossEntropy"


def test_the_worst_mistake_is_looked_for_in_all_parts(trained):
    _, data, model, result = trained
    distances = np.abs(spam.probabilities(model, data.rows) - data.labels)
    assert distances[data.train].max() < distances.max()  # else this shows nothing
    assert result.mistake.text == data.texts[int(distances.argmax())]


def test_divergence_is_told_and_leaves_weights_that_can_be_kept(tmp_path):
    settings = Settings(data=written(tmp_path / "m.tsv", numbered()), optimizer="sgd", lr=1e12)
    data = spam.load_data(settings)
    model = spam.build_model(settings, data)
    with pytest.raises(ConvergenceError, match=r"not finite|is inf|is nan"):
        spam.train(model, settings, data)
    assert model.optimizer.steps and np.isfinite(model.params.values).all()
    model.save(tmp_path / "x")
    kept = spam.load_model(tmp_path / "x")
    assert 0 <= spam.evaluate(kept, data).metrics["test_f1"] <= 1


def test_patience_stops_early(tmp_path):
    settings = Settings(data=written(tmp_path / "m.tsv", by_chance()), patience=2, epochs=200)
    data = spam.load_data(settings)
    assert len(spam.train(spam.build_model(settings, data), settings, data).history) < 200


def test_a_filter_that_finds_nothing_is_told_of(tmp_path):
    settings = Settings(data=written(tmp_path / "m.tsv", numbered()), lr=1e-9)
    data = spam.load_data(settings)
    assert "nothing spam" in spam.train(spam.build_model(settings, data), settings, data).notes[0]


def test_callbacks_see_the_training(tmp_path):
    class Count(Callback):
        epochs = 0

        def on_epoch_end(self, model, logs):
            self.epochs += 1

    settings, count = Settings(data=written(tmp_path / "m.tsv", numbered()), epochs=3, folds=2), Count()
    data = spam.load_data(settings)
    spam.train(spam.build_model(settings, data), settings, data, [count])
    assert count.epochs == 3  # those of the folds are not its business


def test_thousands_of_messages_are_judged_in_little_time(trained):
    _, data, model, _ = trained
    spam_filter = spam.SpamFilter(model)
    spam_filter.predict(data.texts)
    begin = time.process_time()
    spam_filter.predict(data.texts)
    learning_to_read = time.process_time()
    for message in data.texts:
        tokenize(message)
    assert learning_to_read - begin < 60 * (time.process_time() - learning_to_read)  # no more than reading needs anyway


@pytest.mark.parametrize("text", ["ﷺ" * 300, "http://" * 300, "never seen: qzx qxz"])
def test_a_message_is_taken_apart_once(text, trained, monkeypatch):
    _, _, model, _ = trained
    spam_filter = spam.SpamFilter(model)
    texts = []
    monkeypatch.setattr(tokens, "_CHUNKS", tokens.Memory(lambda chunk: texts.append(chunk) or ["free"], lambda: 0))
    tokens._tokens_of_text.cache_clear()
    spam_filter.predict([text])
    spam_filter.remarks([text])
    assert sum(weight for _, weight in spam_filter.why(text))
    tokens._tokens_of_text.cache_clear()
    assert texts == text.split()


# files


def test_a_filter_comes_back_from_its_file_and_knows_its_test_messages(trained, tmp_path):
    _, data, model, result = trained
    model.save(tmp_path / "model.safetensors")
    again = spam.load_model(tmp_path / "model.safetensors")
    assert spam.SpamFilter(again).predict([SPAM, HAM, ""]) == spam.SpamFilter(model).predict([SPAM, HAM, ""])
    test = spam.load_test_data(again, "messages")
    assert [test.texts[number] for number in test.test] == [data.texts[number] for number in data.test]
    assert spam.evaluate(again, test).metrics == {
        name: value for name, value in result.metrics.items() if name.startswith(("test_", "baseline", "primary"))
    }


def test_of_other_messages_all_count(trained, tmp_path):
    data = spam.load_test_data(trained[2], written(tmp_path / "m.tsv", numbered()))
    assert len(data.test) == 100
    with pytest.raises(InputError, match="has only spam"):
        spam.load_test_data(trained[2], written(tmp_path / "m.tsv", [("spam", "x"), ("spam", "y")]))


def change(path, **changes) -> None:
    arrays, meta = saving.load_model(path)
    saving.save_model(path, arrays, {**meta, **changes})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"features": None}, "does not say how it reads words"),
        ({"features": {"tokenizer": tokens.VERSION + 1}}, "another version of the tokenizer"),
        ({"threshold": 2.0}, "threshold"),
        ({"threshold": "high"}, "threshold"),
        ({"prior": None}, "prior"),
        ({"data": "messages"}, "trained on"),
        ({"kind": "mnist"}, "this is an mnist model"),
    ],
)
def test_a_file_that_is_no_spam_filter(changes, told, trained, tmp_path):
    path = tmp_path / "model.safetensors"
    trained[2].save(path)
    change(path, **changes)
    with pytest.raises(InputError, match=told):
        spam.load_model(path)


def test_a_vocabulary_that_does_not_fit_the_weights(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    trained[2].save(path)
    features = trained[2].meta["features"]
    names = features["vocabulary"][1:]
    change(path, features={**features, "vocabulary": names, "columns": len(names)})
    with pytest.raises(InputError, match="vocabulary does not fit"):
        spam.load_model(path)


def test_the_same_seed_gives_the_same_filter(trained):
    settings = dataclasses.replace(trained[0])
    data = spam.load_data(settings)
    model = spam.build_model(settings, data)
    spam.train(model, settings, data)
    np.testing.assert_array_equal(model.params.values, trained[2].params.values)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("z", "y"), [(0.0, 1), (-9.0, 1), (4.0, 0)])
def test_the_derivative_is_that_of_the_loss(name, z, y):
    logit = Tensor([[z]], requires_grad=True)
    LOSSES[name]()(logit, np.array([[float(y)]])).backward()
    assert derivative(name, 1 / (1 + np.exp(-z)), y) == pytest.approx(logit.grad.item(), rel=1e-3)


def test_the_squared_error_tells_a_confident_mistake_nothing():
    assert abs(derivative("mse", 1e-6, 1)) < 1e-5 < 0.99 < abs(derivative("log", 1e-6, 1))


def test_the_built_in_parts_and_folds_share_no_sentence():
    for seed in (0, 1):
        data = spam.load_data(Settings(seed=seed))
        parts = [set(data.blocks[part].tolist()) for part in (data.train, data.val, data.test)]
        assert sum(map(len, parts)) == len(set().union(*parts)) == 20 and len(parts[2]) == 4
    for rest, test in folds_of(data, 5, 0):
        assert not set(data.blocks[rest].tolist()) & set(data.blocks[test].tolist())
    with pytest.raises(UsageError, match="at most 20"):
        next(folds_of(data, 21, 0))


def test_texts_of_another_kind_are_warned_of():
    data = spam.load_data(Settings())
    known = usual(data.bag, [data.texts[number] for number in data.train], data.val_texts)
    same = [data.texts[number] for number in data.test]
    assert remarks(data.bag, known, same) == remarks(data.bag, known, []) == remarks(data.bag, None, ["x " * 900]) == []
    mail = " ".join(data.texts[number] for number in data.train[:60])  # known words, but many
    (longer,) = remarks(data.bag, known, [mail])
    assert re.match(r"the texts have [5-9]\d\d words, those of the training up to \d\d:", longer)
    (stranger,) = remarks(data.bag, known, ["zu viele fremde unbekannte woerter stehen hier"] * 5)
    assert "of the words are known" in stranger
