"""Traces of Go: a function on one line, its place on the next."""

import re

from bugflow.ml.stacktraces.grammar import Found, Grammar, Head, Link, read_number
from bugflow.ml.stacktraces.model import Frame, Language
from bugflow.ml.stacktraces.origins import is_in_app

_PLACE = re.compile(
    r"\s*+(?P<file>[^\s:][^:\n]{0,300}?(?::[\\/][^:\n]{0,300}?)?\.(?:go|s)):(?P<line>\d++)(?:\s\+0x[0-9a-f]++)?\s*$"
)
_CREATED = re.compile(r"\s*+created\sby\s")
_FUNCTION = re.compile(r"\s*+(?P<name>[\w./%~@+*()\[\]{}\u00b7,-]{2,400}+)\s*$")
_ARGUMENTS = re.compile(r"\([^()]{0,400}\)(?:\sin\sgoroutine\s\d++)?\s*$")
_CREATOR = re.compile(r"\sin\sgoroutine\s\d++\s*$")
_HEAD = re.compile(
    r"(?:[^\s:]{0,40}\s)?(?P<kind>panic|fatal\serror|http:\spanic\sserving\s[^\s]{1,60}):\s(?P<message>.*+)$"
)
_AGAIN = re.compile(r"\s++panic:\s")
_SIGNAL = re.compile(r"\[signal\s|exit\sstatus\s\d|runtime\sstack:|\s*$")
_GOROUTINE = re.compile(r"\s*+goroutine\s\d++\s\[")
_ENDS = re.compile(r"\s\[recovered(?:,\srepanicked)?\]$")


def _find_frame(line: str, before: str, _is_open: bool) -> Found | None:  # noqa: FBT001
    if ".go:" not in line and ".s:" not in line:
        return None
    place = _PLACE.match(line)
    if place is None:
        return None
    creator = _CREATED.match(before)
    name = before[creator.end() :] if creator is not None else before
    name = _CREATOR.sub("", name) if creator is not None else _ARGUMENTS.sub("", name)
    function = _FUNCTION.match(name)
    if function is None or "." not in name:
        return None
    module, short = _split(function["name"])
    in_app = is_in_app(Language.GO, module=module, file=place["file"], function=short)
    frame = Frame(function=short, module=module, file=place["file"], line=read_number(place["line"]), in_app=in_app)
    return Found(frame, lines_before=1)


def _split(name: str) -> tuple[str, str]:
    """A package's path ends at the first full stop behind its last slash; type arguments may have slashes too."""
    end = name.find("[")
    slash = name.rfind("/", 0, end if end > 0 else len(name))
    stop = name.find(".", slash + 1)
    return (name[:stop], name[stop + 1 :]) if stop > 0 else ("", name)


def _find_heads(line: str) -> tuple[Head, ...]:
    if _GOROUTINE.match(line):
        return (Head(Link.THREAD),)
    if _SIGNAL.match(line) or _AGAIN.match(line):
        return (Head(Link.NOTHING),)
    match = _HEAD.match(line.strip())
    return () if match is None else (Head(Link.START, None, _ENDS.sub("", match["message"].strip())),)


GO = Grammar(Language.GO, _find_frame, _find_heads, looks_back=16)
