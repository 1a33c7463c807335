"""Reading values that strangers wrote: texts with half characters, moments of any form, numbers or not."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""Halves of characters: JSON can write them, no database can."""


def iterate_records(value: object) -> Iterator[Record]:
    """Yield the objects of a list."""
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def list_of(value: object) -> list[Any]:
    """Return the value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def mapping(value: object) -> Record:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(value: object) -> str:
    """Return a value as text; nothing is empty; lines end as on Unix."""
    return exact_text_of(value).replace("\r\n", "\n")


def exact_text_of(value: object) -> str:
    """Return a value as text; nothing is empty; NUL characters are dropped, halves of characters replaced."""
    if value is None:
        return ""
    text = str(value).replace("\0", "")
    return text if text.isascii() else _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def parse_moment(value: object) -> datetime | None:
    """Return a moment in UTC, or none where there is none that can be read."""
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


def parse_number(value: object) -> float | None:
    """Return a number from 0 to 100,000, or none."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if 0 <= number <= 100_000 else None  # noqa: PLR2004 -- What an amount of an issue may be.


def parse_seconds(value: object) -> float | None:
    """Return a number of seconds up to 100,000 hours, or none."""
    text = str(value)
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004 -- Digits of that many seconds.
