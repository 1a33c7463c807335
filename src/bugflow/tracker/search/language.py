"""The query language of issue lists: `is:open team:Backend severity:high,critical created:>2026-01-01 "null pointer"`.

Words and quoted phrases must all occur in title, text or comments. `field:value` filters, `field:a,b` takes either,
`-` before a word or filter turns it round, `sort:field-asc` or `-desc` orders.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from bugflow.tracker.issues.vocabulary import ISSUE_TYPES, PRIORITIES, RESOLUTIONS, STATUSES
from bugflow.tracker.search.errors import QuerySyntaxError, unknown_word

LONGEST_QUERY = 1000
MOST_TERMS = 40

STATES = ("open", "closed", "in_progress", "resolved", "unassigned", "overdue", "duplicate", "watched", "restricted")
HAVING = ("attachment", "comments", "trace", "due", "points")
FIXED_VALUES: dict[str, tuple[str, ...]] = {
    "is": STATES,
    "has": HAVING,
    "status": STATUSES,
    "resolution": RESOLUTIONS,
    "priority": PRIORITIES,
    "type": ISSUE_TYPES,
}
NAME_FIELDS = ("severity", "team", "component", "project", "assignee", "reporter", "watcher", "label", "sprint", "key")
DATE_FIELDS = ("created", "updated", "resolved", "due")
NUMBER_FIELDS = ("points", "id")
FIELDS = (*FIXED_VALUES, *NAME_FIELDS, *DATE_FIELDS, *NUMBER_FIELDS, "sort")
SORT_FIELDS = ("updated", "created", "id", "priority", "severity", "due", "relevance")

_TOKEN = re.compile(
    r"""\s*(?P<negated>-)?(?:(?P<field>[A-Za-z_]+):)?(?P<value>(?:"(?:[^"\\]|\\.)*"|[^\s",]+|,)+)""",
    re.DOTALL,
)
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|[^,"]+', re.DOTALL)
_RELATIVE = re.compile(r"-?(\d{1,4})([dwmy])")
_COMPARISON = re.compile(r"(>=|<=|>|<)?(.+)", re.DOTALL)
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


@dataclass(frozen=True)
class Filter:
    """A field must have one of the values; names are compared without regard to case."""

    field: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True)
class Range:
    """A date (as days) or number must lie from `least` to `most`, both included; none is no bound."""

    field: str
    least: float | date | None
    most: float | date | None
    negated: bool = False


@dataclass(frozen=True)
class Words:
    """A word or phrase must occur."""

    text: str
    negated: bool = False


@dataclass(frozen=True)
class Sort:
    """How the result is ordered."""

    field: str
    descending: bool


@dataclass(frozen=True)
class Query:
    """What a query asks for; everything must hold."""

    filters: tuple[Filter, ...] = ()
    ranges: tuple[Range, ...] = ()
    words: tuple[Words, ...] = ()
    sort: Sort | None = None


def parse_query(text: str, *, today: date | None = None) -> Query:
    """Return what a query asks for.

    Raises:
        QuerySyntaxError: It cannot be understood; the message says where and what is possible.
    """
    if len(text) > LONGEST_QUERY:
        raise QuerySyntaxError(f"it has {len(text)} characters, at most {LONGEST_QUERY} are read.", LONGEST_QUERY)
    text = text.replace("\0", " ").rstrip()
    parts: list[Filter | Range | Words | Sort] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise QuerySyntaxError("a quotation mark is not closed.", position)
        start = token.end() - len(token.group().lstrip())
        parts.append(_read_token(token, start, today or datetime.now(UTC).date()))
        position = token.end()
    if len(parts) > MOST_TERMS:
        raise QuerySyntaxError(f"it has {len(parts)} parts, at most {MOST_TERMS} are read.", 0)
    sorts = [part for part in parts if isinstance(part, Sort)]
    return Query(
        filters=tuple(part for part in parts if isinstance(part, Filter)),
        ranges=tuple(part for part in parts if isinstance(part, Range)),
        words=tuple(part for part in parts if isinstance(part, Words) and part.text),
        sort=sorts[-1] if sorts else None,
    )


def _read_token(token: re.Match[str], start: int, today: date) -> Filter | Range | Words | Sort:
    field, value, negated = token.group("field"), token.group("value"), token.group("negated") is not None
    if field is None or value.startswith("//"):
        words = value if field is None else f"{field}:{value}"
        return Words(_unquote(words.replace(",", " ") if '"' not in words else words), negated)
    field = field.lower()
    if field not in FIELDS:
        raise unknown_word("Field", field, FIELDS, start)
    if field == "sort":
        return _read_sort(value, start)
    if field in DATE_FIELDS:
        least, most = _read_range(_unquote(value), start, today)
        return Range(field, least, most, negated)
    if field in NUMBER_FIELDS:
        return _read_number_range(field, _unquote(value), start, negated=negated)
    values = tuple(_unquote(each).strip() for each in _VALUE.findall(value))
    values = tuple(each for each in values if each)
    if not values:
        raise QuerySyntaxError(f"{field}: needs a value.", start)
    if field in FIXED_VALUES:
        values = tuple(each.lower().replace("-", "_") for each in values)
        for each in values:
            if each not in FIXED_VALUES[field]:
                raise unknown_word(f"Value of {field}:", each, FIXED_VALUES[field], start)
    return Filter(field, values, negated)


def _unquote(value: str) -> str:
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        value = value[1:-1]
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)


def _read_sort(value: str, start: int) -> Sort:
    field, _, direction = value.lower().partition("-")
    if field not in SORT_FIELDS:
        raise unknown_word("Order", field, SORT_FIELDS, start)
    if direction not in {"", "asc", "desc"}:
        raise unknown_word("Direction", direction, ("asc", "desc"), start)
    return Sort(field, direction != "asc")


def _read_range(value: str, start: int, today: date) -> tuple[date | None, date | None]:
    if ".." in value:
        first, _, last = value.partition("..")
        return (
            _read_date(first, start, today) if first not in {"", "*"} else None,
            _read_date(last, start, today) if last not in {"", "*"} else None,
        )
    operator, operand = _compare(value, start)
    day = _read_date(operand, start, today)
    if operator == ">":
        return day + timedelta(days=1), None
    if operator == "<":
        return None, day - timedelta(days=1)
    if operator == ">=" or (operator == "" and _RELATIVE.fullmatch(operand)):
        return day, None
    return (None, day) if operator == "<=" else (day, day)


def _compare(value: str, start: int) -> tuple[str, str]:
    found = _COMPARISON.fullmatch(value)
    if found is None:
        raise QuerySyntaxError("a date or number is missing.", start)
    return found.group(1) or "", found.group(2)


def _read_date(value: str, start: int, today: date) -> date:
    value = value.strip().lower()
    if value == "today":
        return today
    if value == "yesterday":
        return today - timedelta(days=1)
    relative = _RELATIVE.fullmatch(value)
    try:
        if relative is not None:
            return today - timedelta(days=int(relative.group(1)) * _DAYS[relative.group(2)])
        day = date.fromisoformat(value)
    except (ValueError, OverflowError) as error:
        problem = f"{value!r} is no date. Write 2026-01-31, today, yesterday, or 7d, 2w, 3m, 1y for so long ago."
        raise QuerySyntaxError(problem, start) from error
    if not date(1900, 1, 1) <= day <= date(9000, 1, 1):
        raise QuerySyntaxError(f"{value} is too far away.", start)
    return day


def _read_number_range(field: str, value: str, start: int, *, negated: bool) -> Range:
    if ".." in value:
        first, _, last = value.partition("..")
        least = _read_number(first, start) if first not in {"", "*"} else None
        return Range(field, least, _read_number(last, start) if last not in {"", "*"} else None, negated)
    operator, operand = _compare(value, start)
    number = _read_number(operand, start)
    # Points come in halves and numbers in ones: a thousandth is less than either.
    bounds = {
        ">": (number + 0.001, None),
        "<": (None, number - 0.001),
        ">=": (number, None),
        "<=": (None, number),
        "": (number, number),
    }
    return Range(field, *bounds[operator], negated)


def _read_number(value: str, start: int) -> float:
    try:
        number = float(value)
    except ValueError as error:
        raise QuerySyntaxError(f"{value!r} is no number.", start) from error
    if not abs(number) <= 2**31 - 1:
        raise QuerySyntaxError(f"{value} is too large.", start)
    return number
