"""Who has said what a model is to learn, shown with each training that begins for it: so one loud voice is seen."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST = 5


@dataclass(frozen=True, slots=True)
class Voice:
    """A person, and how often they have corrected or confirmed."""

    name: str
    times: int


def describe_voices(voices: Sequence[Voice]) -> str:
    """Return in words who has said how much: the five most frequent by name."""
    named = [f"{voice.times:,} by {voice.name}" for voice in voices[:MOST]]
    others = sum(voice.times for voice in voices[MOST:])
    return ", ".join([*named, f"{others:,} by others"] if others else named)
