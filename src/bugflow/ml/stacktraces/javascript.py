"""Traces of JavaScript engines: V8 (Chrome, Node.js), Firefox, Safari and Hermes."""

import re

from bugflow.ml.stacktraces.grammar import Found, Grammar, Head, Link, read_number
from bugflow.ml.stacktraces.model import Frame, Language
from bugflow.ml.stacktraces.origins import is_in_app

_V8 = re.compile(
    r"\s*+at\s++(?:async\s++)?(?:new\s++)?"
    r"(?:(?P<name>[^()\n]{0,250}?)\s\((?:address\sat\s)?(?P<where>[^()\n]{1,900}+"
    r"(?:\([^()\n]{0,300}+\)[^()\n]{0,300}+){0,3}+)\)?"
    r"|(?P<bare>[^\s()]{1,900}+))(?:\s\{)?\s*$"
)
_PLACE = re.compile(r"(?P<file>.{1,900}?)(?::(?P<line>\d{1,9}))(?::(?P<column>\d{1,9}))?$")
_SPECIAL = re.compile(r"(?:native|<anonymous>|index\s\d++|eval\sat\s.*|unknown(?:\ssource)?)$")
_AT_SIGN = re.compile(
    r"\s*+(?P<name>(?:global|module|eval)\scode(?=@)|[^\s@()]{0,200}+(?:\([^()@\n]{0,100}\))?)@"
    r"(?P<where>(?:[\w-]{2,30}+:/{0,3}+|/"
    r"|\[native\scode\]|[\w./-]{1,300}\.[cm]?[jt]sx?\b)"
    r"\S{0,900}+|\d{1,9}:\d{1,9})\s*$"
)
_FOREIGN = re.compile(r"\.(?:java|kt|scala|cs)$|\w=\S* ")
_EMAIL = re.compile(r"\s*+[\w.+-]++@[\w-]++(?:\.[\w-]++)++\s*$")
_ERROR = re.compile(
    r"(?<![\w$.@/])(?P<type>(?:[A-Z][\w$]{0,80})?(?:Error|Exception)|Invariant\sViolation|DOMException|Warning)"
    r"(?:\s\[\w{1,60}\])?(?:\s?:\s?(?P<message>.*)|\s*)$"
)
_CAUSE = re.compile(r"\s*+(?:\[cause\]|Caused\sby)\s?:\s*+", re.IGNORECASE)
_MARKS = " \t*+-_{}[]<>\"'`:,;.=|!\u2716\u25cf\u00d7"
_UNCAUGHT = re.compile(r"\s*+(?:(?:Unhandled|Uncaught)\s)?(?:\(in\spromise\)\s?)?(?:exception:\s)?", re.IGNORECASE)


def _find_frame(line: str, _before: str, is_open: bool) -> Found | None:  # noqa: FBT001
    if "@" in line:
        found = _find_at_sign(line)
        if found is not None:
            return found
    match = _V8.match(line) if "at" in line[:120] else None
    if match is None:
        return None
    where, name = match["where"] or match["bare"], match["name"] or ""
    place = _PLACE.match(where)
    if place is not None:
        known = not _FOREIGN.search(place["file"]) and not name.startswith("0x")  # As Valgrind writes.
    else:
        special = match["where"] is not None and bool(name) and _SPECIAL.match(where) is not None
        known = special or (is_open and where == "<anonymous>")
    return Found(_build(name, place, where)) if known else None


def _find_at_sign(line: str) -> Found | None:
    match = _AT_SIGN.match(line)
    if match is None or _EMAIL.match(line):
        return None
    where = match["where"]
    place = _PLACE.match(where)
    if place is None and where != "[native code]" and "://" not in where:
        return None
    return Found(_build(match["name"], place, where))


def _build(name: str, place: re.Match[str] | None, where: str) -> Frame:
    """A place alone has only digits where a bundle has no name."""
    name = name.partition(" [as ")[0].strip().removeprefix("async*").rstrip("/<")
    file = place["file"] if place is not None else where
    module, dot, function = name.rpartition(".")
    if not dot or name.startswith("<") or not function:
        module, function = "", name
    in_app = is_in_app(Language.JAVASCRIPT, file=file, function=name)
    number = read_number(place["line"]) if place is not None else None
    return Frame(function=function, module=module, file=file, line=number, in_app=in_app)


def _find_heads(line: str) -> tuple[Head, ...]:
    cause = _CAUSE.match(line)
    begin = cause.end() if cause is not None else 0
    uncaught = _UNCAUGHT.match(line, begin)
    begin = uncaught.end() if uncaught is not None else begin
    match = _ERROR.search(line, begin)
    if match is None:
        return ()
    first = not line[begin : match.start()].strip(_MARKS)
    link = Link.CAUSE if cause is not None else Link.START
    message = (match["message"] or "").strip().removesuffix(" {")
    return (Head(link, match["type"], message, stands_first=first),)


JAVASCRIPT = Grammar(Language.JAVASCRIPT, _find_frame, _find_heads, looks_back=8, joins_message=True)
