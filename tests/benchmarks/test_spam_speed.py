"""The spam filter beside scikit-learn's usual pipeline with the same kind of features, in CPU time of the same run."""

import time

import pytest

from brainbox_core.tasks.spam import train as spam
from brainbox_core.tasks.spam.settings import Settings
from tests.realdata import real_data

pytestmark = pytest.mark.bench


def seconds(work) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def test_learning_and_reading_beside_scikit_learn():
    pytest.importorskip("sklearn")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    settings = Settings(data=str(real_data("sms-spam/SMSSpamCollection")))
    data = spam.load_data(settings)
    texts, labels = [data.texts[number] for number in data.train], data.labels[data.train]
    both = make_union(TfidfVectorizer(), TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)))
    theirs = make_pipeline(both, LogisticRegression(solver="liblinear"))
    model = spam.build_model(settings, data)

    def learn() -> None:
        bag = spam.bag_for(settings).fit(texts)
        bag.transform(texts)
        spam.train(model, settings, data)

    learned, their_learned = seconds(learn), seconds(lambda: theirs.fit(texts, labels))
    spam_filter = spam.SpamFilter(model)
    read = min(seconds(lambda: spam_filter.predict(data.texts)) for _ in range(3))
    their_read = min(seconds(lambda: theirs.predict_proba(data.texts)) for _ in range(3))
    print(f"learning {learned:.2f} s, {learned / their_learned:.2f} of scikit-learn's")
    print(f"reading {len(data.texts) / read:,.0f} messages/s, {read / their_read:.2f} of scikit-learn's time")
    assert learned < 5 * their_learned
    assert read < their_read
