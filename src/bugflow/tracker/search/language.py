"""The query language of issue lists: `is:open team:Backend severity:high,critical created:>2026-01-01 "null pointer"`.

Words and quoted phrases must all occur in title, text or comments. `field:value` filters, `field:a,b` takes either,
`-` before a word or filter turns it round, `sort:field-asc` or `-desc` orders. `OR` between parts takes either side,
and parentheses group: `team:Backend (crash OR "out of memory") -(label:flaky severity:low)`.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from bugflow.tracker.issues.vocabulary import ISSUE_TYPES, PRIORITIES, RESOLUTIONS, STATUSES
from bugflow.tracker.search.errors import QuerySyntaxError, unknown_word

LONGEST_QUERY = 1000
MOST_TERMS = 40
DEEPEST = 8
EITHER = "OR"

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
class Group:
    """At least one of the alternatives must hold; or, turned round, none."""

    alternatives: "tuple[Query, ...]"
    negated: bool = False


@dataclass(frozen=True)
class Query:
    """What a query asks for; everything must hold."""

    filters: tuple[Filter, ...] = ()
    ranges: tuple[Range, ...] = ()
    words: tuple[Words, ...] = ()
    groups: tuple[Group, ...] = ()
    sort: Sort | None = None


Part = Filter | Range | Words | Group | Sort


def parse_query(text: str, *, today: date | None = None) -> Query:
    """Return what a query asks for.

    Raises:
        QuerySyntaxError: It cannot be understood; the message says where and what is possible.
    """
    if len(text) > LONGEST_QUERY:
        raise QuerySyntaxError(f"it has {len(text)} characters, at most {LONGEST_QUERY} are read.", LONGEST_QUERY)
    reader = _Reader(text.replace("\0", " ").rstrip(), today or datetime.now(UTC).date())
    alternatives = reader.read_alternatives(depth=0)
    query = alternatives[0] if len(alternatives) == 1 else Query(groups=(Group(tuple(alternatives)),))
    return replace(query, sort=reader.sort)


class _Reader:
    """Goes through a query from left to right."""

    def __init__(self, text: str, today: date) -> None:
        self._text = text
        self._today = today
        self._position = 0
        self._count = 0
        self.sort: Sort | None = None

    def read_alternatives(self, *, depth: int) -> list[Query]:
        """Read up to the end, or to the parenthesis that closes this group."""
        alternatives: list[Query] = []
        while True:
            start = self._position
            alternatives.append(self._read_conjunction(depth))
            if not self._take(EITHER, whole=True):
                break
            if alternatives[-1] == Query() or self._at_end(depth):
                raise QuerySyntaxError(f"{EITHER} stands between two things to look for.", start)
        return alternatives

    def _read_conjunction(self, depth: int) -> Query:
        parts: list[Part] = []
        while not self._at_end(depth) and not self._sees(EITHER, whole=True):
            parts.append(self._read_group(depth) or self._read_term(depth))
            self._count += 1
            if self._count > MOST_TERMS:
                raise QuerySyntaxError(f"it has more than {MOST_TERMS} parts, at most {MOST_TERMS} are read.", 0)
        self.sort = next((part for part in reversed(parts) if isinstance(part, Sort)), self.sort)
        return Query(
            filters=tuple(part for part in parts if isinstance(part, Filter)),
            ranges=tuple(part for part in parts if isinstance(part, Range)),
            words=tuple(part for part in parts if isinstance(part, Words) and part.text),
            groups=tuple(part for part in parts if isinstance(part, Group)),
        )

    def _read_group(self, depth: int) -> Group | None:
        start = self._position
        negated = self._take("-(")
        if not negated and not self._take("("):
            return None
        if depth == DEEPEST:
            raise QuerySyntaxError(f"parentheses are nested more than {DEEPEST} deep.", start)
        alternatives = self.read_alternatives(depth=depth + 1)
        if not self._take(")"):
            raise QuerySyntaxError("a parenthesis is not closed.", start)
        return Group(tuple(alternatives), negated)

    def _read_term(self, depth: int) -> Part:
        token = _TOKEN.match(self._text, self._position)
        if token is None:
            raise QuerySyntaxError("a quotation mark is not closed.", self._position)
        if depth:  # `(a OR b)`: the end of the group is no part of its last word.
            token = _TOKEN.fullmatch(self._text, self._position, _find_closing(token)) or token
        start = token.end() - len(token.group().lstrip())
        self._position = token.end()
        return _read_token(token, start, self._today)

    def _at_end(self, depth: int) -> bool:
        self._skip_space()
        return self._position >= len(self._text) or (depth > 0 and self._sees(")"))

    def _sees(self, sign: str, *, whole: bool = False) -> bool:
        self._skip_space()
        end = self._position + len(sign)
        following = self._text[end : end + 1]
        ended = not following or following.isspace() or following in "()"
        return self._text.startswith(sign, self._position) and (ended or not whole)

    def _take(self, sign: str, *, whole: bool = False) -> bool:
        seen = self._sees(sign, whole=whole)
        self._position += len(sign) if seen else 0
        return seen

    def _skip_space(self) -> None:
        while self._position < len(self._text) and self._text[self._position].isspace():
            self._position += 1


def _find_closing(token: re.Match[str]) -> int:
    """Return where a word ends: before a parenthesis that closes none of its own, as in `x)`, but not in `main()`."""
    text, depth, quoted = token.string, 0, False
    for position in range(token.start("value"), token.end("value")):
        quoted ^= text[position] == '"' and text[position - 1] != "\\"
        depth += 0 if quoted else {"(": 1, ")": -1}.get(text[position], 0)
        if depth < 0:
            return position
    return token.end()


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
