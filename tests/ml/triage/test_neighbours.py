"""When neighbours are heard: the nearer, the fewer of them are needed."""

import numpy as np
import pytest

from bugflow.ml.triage.neighbours import HEARING, Neighbour, join_parts, vote


def build(*told: tuple[str, float]) -> list[Neighbour]:
    return [Neighbour(f"WEB-{number}", label, cosine) for number, (label, cosine) in enumerate(told, 1)]


def test_nobody_says_nothing() -> None:
    assert vote([], own="low", is_sure=False) is None


def test_one_speaks_for_nearly_the_same_text_only() -> None:
    found = vote(build(("high", 0.86)), own="low", is_sure=False)
    assert found is not None
    assert (found.label, [each.name for each in found.speakers]) == ("high", ["WEB-1"])
    assert vote(build(("high", 0.84)), own="low", is_sure=False) is None


def test_two_that_agree_speak_for_a_text_further_away_the_nearest_first() -> None:
    found = vote(build(("high", 0.76), ("high", 0.78)), own=None, is_sure=False)
    assert found is not None
    assert [each.name for each in found.speakers] == ["WEB-2", "WEB-1"]
    assert vote(build(("high", 0.76), ("low", 0.78)), own=None, is_sure=False) is None
    assert vote(build(("high", 0.74), ("high", 0.74)), own=None, is_sure=False) is None


def test_where_the_nearest_disagree_those_further_away_are_not_asked() -> None:
    told = build(("high", 0.9), ("low", 0.9), *[("low", 0.8)] * 10)
    assert vote(told, own=None, is_sure=False) is None


@pytest.mark.parametrize(("count", "is_heard"), [(2, False), (3, True)])
def test_a_sure_model_gives_way_to_three_of_nearly_the_same(count: int, is_heard: bool) -> None:  # noqa: FBT001 -- A parameter.
    told = build(*[("high", 0.95)] * count, *[("high", 0.8)] * 5)
    assert (vote(told, own="low", is_sure=True) is not None) == is_heard
    assert vote(told, own="high", is_sure=True) is not None


def test_the_farthest_that_is_heard_is_the_last_step() -> None:
    assert HEARING.farthest == min(cosine for _, cosine in HEARING.steps)


def test_the_parts_vectors_make_one_of_length_1() -> None:
    parts = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
    assert join_parts(parts).tolist() == pytest.approx([2**-0.5, 2**-0.5, 0])
    assert join_parts(np.zeros((1, 3), dtype=np.float32)).tolist() == [0, 0, 0]
