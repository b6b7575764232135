import datetime
import math

import numpy as np
import pytest

from brainbox_core.tables import dates
from brainbox_core.tables.dates import DAY_FIRST, MONTH_FIRST, OPEN, YEAR_FIRST

OCTOBER_13 = 16356


@pytest.mark.parametrize(
    ("cell", "days"),
    [
        ("20141013T000000", OCTOBER_13),
        ("20141013", OCTOBER_13),
        ("2014-10-13", OCTOBER_13),
        (" 2014/10/13 ", OCTOBER_13),
        ("2014.10.13", OCTOBER_13),
        ("2014-10-13 12:30", OCTOBER_13 + 12.5 / 24),
        ("2014-10-13T12:30:36", OCTOBER_13 + 12.51 / 24),
        ("2014-10-13T12:30:36.000Z", OCTOBER_13 + 12.51 / 24),
        ("2014-10-13T01:00:00+02:00", OCTOBER_13 - 1 / 24),
        ("2014-10-13T01:00:00-0230", OCTOBER_13 + 3.5 / 24),
        ("13.10.2014", OCTOBER_13),
        ("13.10.2014 06:00", OCTOBER_13 + 0.25),
        ("13/10/2014 12:30 AM", OCTOBER_13 + 0.5 / 24),
        ("13-10-2014 6:00 pm", OCTOBER_13 + 0.75),
        ("1960-02-29", -3594),
    ],
)
def test_dates_are_days_since_1970(cell, days):
    assert dates.days(cell, DAY_FIRST) == pytest.approx(days, abs=1e-9)


def test_the_order_of_day_and_month():
    assert dates.days("10/13/2014", MONTH_FIRST) == OCTOBER_13
    assert dates.days("2014-10-13", MONTH_FIRST) == OCTOBER_13
    assert dates.days("13/10/2014", MONTH_FIRST) is None
    assert dates.days("13.10.2014", YEAR_FIRST) is None  # the training did not say what comes first


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "x",
        "2014-13-01",
        "2014-02-30",
        "2014-10",
        "2014-10-13 25:00",
        "2014-10-13 12:60",
        "2014-10-13 12:30:60",
        "2014-10/13",
        "13.10.14",
        "2014113",
        "13.10-2014",
        "2014-10-13 13:00 PM",
        "0000-01-01",
        "2014-10-13" + "0" * 60,
    ],
)
def test_what_is_no_date(cell):
    assert dates.days(cell, DAY_FIRST) is None


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["2014-10-13", "", "NA"], YEAR_FIRST),
        (["2014-10-13", "soon", "2014-10-14"], YEAR_FIRST),
        (["2014-10-13", "soon", "late"], None),
        (["1.2.2014", "3.4.2014"], DAY_FIRST),
        (["1.2.2014", "3.14.2014"], MONTH_FIRST),
        (["1/2/2014", "3/4/2014"], OPEN),
        (["1-2-2014", "3.4.2014"], OPEN),
        (["1/2/2014", "13/4/2014"], DAY_FIRST),
        (["1/2/2014"] * 200 + ["1/13/2014"], MONTH_FIRST),
        (["2014-10-13", "13/4/2014"], DAY_FIRST),
        (["13/4/2014", "4/13/2014"], OPEN),
        (["", "NA"], None),
        ([], None),
    ],
)
def test_the_order_is_found_in_the_whole_column(cells, order):
    assert dates.order_of(cells) == order


def test_months_and_days_of_the_week_are_those_of_the_calendar():
    days = np.arange(-1000, 30_000, 37) + 0.5
    found = dates.parts(days)
    for row, value in enumerate(days.tolist()):
        day = datetime.date(1970, 1, 1) + datetime.timedelta(days=math.floor(value))
        names = [name for name, rows in found.items() if rows[row]]
        assert names == [dates.MONTHS[day.month - 1], dates.WEEKDAYS[day.weekday()]]


def test_a_number_of_days_is_shown_as_a_date():
    assert [dates.shown(value) for value in (OCTOBER_13, OCTOBER_13 + 0.5, 1e9)] == [
        *("2014-10-13", "2014-10-13 12:00"),
        "1e+09 days",
    ]
