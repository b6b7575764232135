"""scikit-learn's side: pipelines of texts, as its users write them."""

from __future__ import annotations

from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import f1_score
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from tests.benchmarks.compare import ours
from tests.benchmarks.compare.cases import PIPELINES, Case
from tests.benchmarks.compare.side import Turns


def pipeline(way: str) -> Pipeline:
    if way == PIPELINES[2]:
        return make_pipeline(HashingVectorizer(), SGDClassifier(loss="log_loss", random_state=0))
    features = TfidfVectorizer()
    if way == PIPELINES[1]:
        features = make_union(features, TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)))
    return make_pipeline(features, LogisticRegression(solver="liblinear", C=100))


def learn_messages(turns: Turns, case: Case, way: str) -> None:
    """Both learn from the same messages, and both are judged by the same others within the time."""
    _, data = ours.messages()
    texts, more = [data.texts[number] for number in data.train], True
    test = [data.texts[number] for number in data.test]
    while more:
        learned = pipeline(way).fit(texts, data.labels[data.train])
        turns.found["f1"] = f1_score(data.labels[data.test], learned.predict(test))
        more = turns.next()


def read_messages(turns: Turns, case: Case, way: str) -> None:
    _, data = ours.messages()
    learned = pipeline(way).fit([data.texts[number] for number in data.train], data.labels[data.train])
    test = [data.texts[number] for number in data.test]
    turns.found["f1"] = f1_score(data.labels[data.test], learned.predict(test))
    learned.predict_proba(data.texts)
    while turns.next():
        learned.predict_proba(data.texts)
