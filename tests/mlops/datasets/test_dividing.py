from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from bugflow.mlops.datasets.dividing import DAY, RandomDivider, TimeDivider, choose_rows, find_bounds, walk_chosen
from bugflow.mlops.datasets.rows import MOMENT

START = datetime(2020, 1, 1, tzinfo=UTC)


def frame(moments: list[datetime | None], numbers: list[int | None], source: str = "a") -> pl.DataFrame:
    schema = pl.Schema({"created_at": MOMENT, "number": pl.Int64(), "source": pl.String()})
    return pl.DataFrame({"created_at": moments, "number": numbers, "source": [source] * len(moments)}, schema=schema)


def test_the_newest_are_tested_on_in_whatever_order_they_come() -> None:
    moments = [START + timedelta(hours=hour) for hour in range(1000)]
    order = np.random.default_rng(0).permutation(1000)
    reports = frame([moments[each] for each in order], [None] * 1000)
    parts = TimeDivider().fit([reports]).divide(reports)
    times = {part: [moments[each] for each, at in zip(order, parts, strict=True) if at == part] for part in set(parts)}
    assert max(times["train"]) < min(times["valid"])
    assert max(times["valid"]) < min(times["test"])
    assert abs(len(times["train"]) - 700) <= 20
    assert abs(len(times["test"]) - 150) <= 20
    assert min(times["valid"]).hour == min(times["test"]).hour == 0


def test_reports_of_one_moment_stay_together() -> None:
    values = np.array([*range(600), *[650] * 200, *range(700, 900)])
    first, second = find_bounds(values, days=False)
    sizes = np.diff(np.searchsorted(values, [0, first, second, 1000]))
    assert first in {650, 651}
    assert sizes.sum() == 1000
    assert 200 in (sizes[1], 200)


def test_a_day_is_torn_apart_only_where_it_is_large() -> None:
    even = np.arange(0, 1000 * DAY // 10, DAY // 10)
    assert all(bound % DAY == 0 for bound in find_bounds(even, days=True))
    one_day = np.arange(DAY, DAY + 1000)
    assert find_bounds(one_day, days=True) == (DAY + 700, DAY + 850)


def test_without_dates_the_number_counts_and_without_numbers_the_place() -> None:
    numbered = frame([None] * 100, list(range(100, 0, -1)), "numbered")
    placed = frame([None] * 100, [None] * 100, "placed")
    divider = TimeDivider().fit([numbered, placed])
    assert [cut.by for cut in divider.cuts_] == ["issue_id", "place"]
    assert divider.divide(numbered) == ["test"] * 15 + ["valid"] * 15 + ["train"] * 70
    assert divider.divide(placed[:80]) + divider.divide(placed[80:]) == ["train"] * 70 + ["valid"] * 15 + ["test"] * 15


def test_what_has_no_date_among_dated_reports_trains() -> None:
    moments: list[datetime | None] = [START + timedelta(days=day) for day in range(99)]
    reports = frame([*moments, None], [None] * 100)
    assert TimeDivider().fit([reports]).divide(reports)[-1] == "train"


def test_a_random_split_keeps_the_shares_of_each_label() -> None:
    labels = ["high"] * 2000 + ["low"] * 200 + [None] * 400
    reports = pl.DataFrame({"severity": labels})
    divider = RandomDivider("severity", seed=3)
    parts = divider.divide(reports[:1111]) + divider.divide(reports[1111:])
    for label, total in (("high", 2000), ("low", 200), (None, 400)):
        counts = Counter(part for part, each in zip(parts, labels, strict=True) if each == label)
        assert counts == {"train": total * 0.7, "valid": total * 0.15, "test": total * 0.15}
    assert RandomDivider("severity", seed=3).divide(reports) == parts
    assert RandomDivider("severity", seed=4).divide(reports) != parts


def test_samples_are_even_over_all_and_the_same_for_the_same_seed() -> None:
    chosen = choose_rows(10_000, 1000, seed=1)
    assert chosen is not None
    assert chosen.sum() == 1000
    assert all(60 < part.sum() < 140 for part in np.split(chosen, 10))
    assert (chosen == choose_rows(10_000, 1000, seed=1)).all()
    assert choose_rows(10, 10, seed=1) is None
    rows = pl.DataFrame({"row": range(10_000)})
    taken = pl.concat(walk_chosen([rows[:300], rows[300:]], chosen))
    assert taken["row"].to_list() == np.flatnonzero(chosen).tolist()
