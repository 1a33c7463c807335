"""Reading values that strangers wrote: JSON of any encoding, moments of any form, numbers or not."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bugflow.tracker.imports.errors import ImportFileError

Record = dict[str, Any]

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""Halves of characters: JSON can write them, no database can."""


def decode(content: bytes) -> str:
    """Return the text of a file: UTF-8 or UTF-16 by its mark, UTF-8 without one, Latin-1 where nothing else fits."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def is_guessed(content: bytes) -> bool:
    """Whether a file is neither UTF-8 nor marked as UTF-16, so that it is read as Latin-1."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return not content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return False


def load_json(content: bytes, source: str) -> Any:  # noqa: ANN401 -- JSON.
    """Return what a JSON file holds; JSON lines become a list.

    Raises:
        ImportFileError: It is neither.
    """
    text = decode(content)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ImportFileError(source, "it is nested too deeply") from error
    except json.JSONDecodeError as error:
        lines = [line for line in text.split("\n") if line.strip()]  # Not splitlines: U+2028 ends no line.
        if len(lines) > 1 and lines[0].lstrip().startswith("{") and lines[0].rstrip().endswith("}"):
            return [_load_line(line, number, source) for number, line in enumerate(lines, start=1)]
        raise ImportFileError(
            source, f"it is not JSON (line {error.lineno}, column {error.colno}: {error.msg})"
        ) from error
    except ValueError as error:
        raise ImportFileError(source, "it has a number of more digits than can be read") from error


def _load_line(line: str, number: int, source: str) -> Any:  # noqa: ANN401 -- JSON.
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ImportFileError(source, f"line {number} is not JSON that can be read") from error


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
