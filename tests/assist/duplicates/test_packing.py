import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.assist.duplicates.packing import START, ProfileDamagedError, pack_profile, unpack_profile
from bugflow.ml.contract import Report
from bugflow.ml.duplicates.profiles import Profile, profile_reports
from factories.encoders import HashEncoder

NUMBERS = ("terms", "in_title", "in_prose", "in_code", "pairs", "versions", "frames", "n_title", "n_prose")
TRACE = '\nTraceback (most recent call last):\n  File "shop/cart.py", line 3, in total\nKeyError: 1.2.3'


def build(title: str, description: str, *, vectors: bool) -> Profile:
    [profile] = profile_reports([Report(title, description)], HashEncoder() if vectors else None)
    return profile


@given(st.text(max_size=80), st.text(max_size=400), st.booleans(), st.booleans())
def test_a_profile_is_what_it_was(title: str, description: str, trace: bool, vectors: bool) -> None:  # noqa: FBT001 -- Hypothesis.
    profile = build(title, description + TRACE * trace, vectors=vectors)
    again = unpack_profile(pack_profile(profile))
    for name in NUMBERS:
        before, after = getattr(profile.words, name), getattr(again.words, name)
        assert np.array_equal(before, after)
        assert getattr(before, "dtype", None) == getattr(after, "dtype", None)
    assert (again.text is None) == (profile.text is None)
    if vectors:
        assert profile.text is not None
        assert profile.title is not None
        assert again.text is not None
        assert again.title is not None
        assert np.abs(again.text - profile.text).max() < 0.01
        assert np.abs(again.title - profile.title).max() < 0.01


@given(st.data())
def test_damaged_bytes_are_refused_and_nothing_else_happens(data: st.DataObject) -> None:
    packed = bytearray(pack_profile(build("Crash on save", "It fails." + TRACE, vectors=True)))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProfileDamagedError, match="duplicates index --anew"):
        unpack_profile(bytes(packed))


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ProfileDamagedError):
        unpack_profile(content)
    with pytest.raises(ProfileDamagedError):
        unpack_profile(START + content)


def test_another_version_is_named() -> None:
    packed = pack_profile(build("Crash", "", vectors=False))
    with pytest.raises(ProfileDamagedError, match="version 9"):
        unpack_profile(packed[:2] + bytes([9]) + packed[3:])


def test_a_profile_is_small() -> None:
    text = "The server answers 500 when a project has no members and somebody opens its board after that. " * 5
    assert len(pack_profile(build("Crash when a report is saved twice", text, vectors=False))) < 500
