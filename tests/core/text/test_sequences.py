from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbox_core.errors import UsageError
from brainbox_core.text.sequences import NOTHING, Lines, Streams, in_order

# A text in which every character tells its place.
TEXT = np.arange(1000, dtype=np.uint16)


def one_pass(source, start: int = 0):
    """The batches up to the next fresh one."""
    batches = source.batches(start)
    found = [next(batches)]
    for batch in batches:
        if batch.fresh:
            return found
        found.append(batch)
    raise AssertionError("batches never end")


def test_targets_are_the_characters_that_follow():
    for x, y, _ in islice(Streams(TEXT, 8, 16, seed=3).batches(), 20):
        assert x.shape == y.shape == (8, 16)
        assert (y == x + 1).all()


def test_every_row_goes_on_where_it_ended_until_a_batch_is_fresh():
    last = None
    for x, y, fresh in islice(Streams(TEXT, 8, 16).batches(), 30):
        assert fresh == (last is None or (x[:, 0] != last).any())
        last = y[:, -1]


def test_a_pass_sees_no_character_twice_and_leaves_out_less_than_a_batch_and_a_window():
    seen = np.concatenate([x.ravel() for x, _, _ in one_pass(Streams(TEXT, 8, 16))])
    assert len(np.unique(seen)) == len(seen) > len(TEXT) - 8 * 16 - 16


def test_every_pass_starts_at_another_place_and_all_of_the_text_is_seen():
    source = Streams(TEXT, 8, 16, seed=1)
    count = len(one_pass(source))
    seen, starts = set(), set()
    for x, _, fresh in islice(source.batches(), 60 * count):
        seen.update(x.ravel().tolist())
        if fresh:
            starts.add(int(x[0, 0]))
    assert len(starts) > 20
    assert seen == set(range(999))  # the last is only predicted


@pytest.mark.parametrize(
    "source",
    [Streams(TEXT, 4, 16, seed=2), Lines(np.array([0, 5, 0, 6, 6, 0, 7, 7, 7, 0, 8, 0]), 0, 2, 2, seed=2)],
    ids=["streams", "lines"],
)
def test_batches_from_the_middle_on_are_those_of_the_whole(source):
    whole = list(islice(source.batches(), 40))
    for start in (0, 1, 7, 23):
        for ours, theirs in zip(source.batches(start), whole[start:], strict=False):
            assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_a_short_text_gives_fewer_streams():
    assert Streams(TEXT[:50], 32, 16).batch_size == 3
    assert Streams(TEXT[:17], 32, 16).batch_size == 1
    with pytest.raises(UsageError, match="at least 17 characters, got 16"):
        Streams(TEXT[:16], 32, 16)


def test_windows_of_one_character():
    x, y, fresh = next(Streams(TEXT, 4, 1).batches())
    assert x.shape == (4, 1) and (y == x + 1).all() and fresh


def rows_of(batches, count: int) -> list[list[tuple[int, int]]]:
    """What each of the first `count` lines reads and predicts, put together again from its windows."""
    done, rows = [], []
    for x, y, fresh in batches:
        if fresh:
            done += rows
            if len(done) >= count:
                return done
            rows = [[] for _ in x]
        for row, read, wanted in zip(rows, x.tolist(), y.tolist(), strict=True):
            pairs = list(zip(read, wanted, strict=True))
            known = [pair for pair in pairs if pair[1] != NOTHING]
            assert pairs[: len(known)] == known  # what is filled up comes last
            row += known
    return done + rows


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=12), min_size=1, max_size=20), st.integers(1, 8))
def test_every_line_is_read_once_from_its_start_to_its_end(lines, window):
    ids = np.array([0, *(number for line in lines for number in (*line, 0))], np.uint16)
    source = Lines(ids, 0, batch_size=3, window=window)
    wanted = sorted(list(zip([0, *line], [*line, 0], strict=True)) for line in lines)
    assert sorted(rows_of(source.once(), len(lines))) == wanted
    assert sorted(rows_of(source.batches(), len(lines))) == wanted
    assert all(x.shape == y.shape and x.shape[1] <= window for x, y, _ in source.once())


def test_lines_are_shuffled_anew_in_every_pass_and_all_come():
    ids = np.array([0, *(n for number in range(1, 41) for n in (number, 0))])
    batches = list(islice(Lines(ids, 0, 4, 8, seed=1).batches(), 20))
    passes = [np.concatenate([x[:, 1] for x, _, _ in part]) for part in (batches[:10], batches[10:])]
    assert all(sorted(order) == list(range(1, 41)) for order in passes)
    assert (passes[0] != passes[1]).any()


def test_lines_of_like_length_come_together():
    rng = np.random.Generator(np.random.Philox(key=1))
    ids = np.concatenate([[0], *([1] * int(length) + [0] for length in rng.integers(1, 30, 3000))])
    wasted = [float((y == NOTHING).mean()) for _, y, _ in Lines(ids, 0, 50, 64).once()]
    shuffled = [float((y == NOTHING).mean()) for _, y, _ in islice(Lines(ids, 0, 50, 64).batches(), 60)]
    assert np.mean(wasted) < 0.05 and np.mean(shuffled) < 0.3  # in any order it would be half


def test_one_very_long_line_is_not_filled_up_many_times_over():
    lengths = [*[5] * 400, *[300] * 30, 50_000]
    ids = np.concatenate([[0], *([1] * length + [0] for length in lengths)])
    source = Lines(ids, 0, batch_size=200, window=64)
    for batches in (source.once(), islice(source.batches(), sum(map(source._count, source._shuffled(0))))):
        batches = list(batches)
        assert sum(int((y != NOTHING).sum()) for _, y, _ in batches) == len(ids) - 1
        assert sum(x.size for x, _, _ in batches) < 1.1 * len(ids)
    (longest,) = (lines for lines in source._side_by_side(np.arange(len(source))) if len(source) - 1 in lines)
    assert longest.tolist() == [430]


@given(st.integers(2, 100), st.integers(1, 12), st.integers(1, 7))
def test_judging_predicts_every_character_but_the_first_once(length, window, streams):
    pairs = []
    for number, (x, y, fresh) in enumerate(in_order(TEXT[:length], window, streams)):
        assert fresh == (number == 0)
        pairs += zip(x[y != NOTHING].tolist(), y[y != NOTHING].tolist(), strict=True)
    assert sorted(pairs) == [(number, number + 1) for number in range(length - 1)]
