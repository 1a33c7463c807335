"""Traces of Python, which writes the innermost call last and the exception below it."""

import re

from bugflow.ml.stacktraces.grammar import Found, Grammar, Head, Link, Section, read_number
from bugflow.ml.stacktraces.model import Frame, Language
from bugflow.ml.stacktraces.origins import is_in_app

_FRAME = re.compile(
    r"[\s+|>-]*+File\s\"(?P<file>[^\"]{1,400}+)\",\sline\s(?P<line>\d++)(?:,?\sin\s(?P<function>.{1,200}+))?"
)
_FILE = re.compile(r"[\s+|>-]*+File\s\"")
_EXCEPTION = re.compile(r"\s*+(?P<type>(?:[A-Za-z_]\w{0,80}+\.){0,12}+[A-Za-z_]\w{0,80}+)(?::\s?(?P<message>.*+))?$")
_NAMED = re.compile(r"(?:Error|Exception|Warning|Exit|Interrupt|Iteration|Fault|Failure|Fail|Timeout|Group|Bug)$")
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_REPEATED = re.compile(r"\s*+\[Previous\sline\srepeated\s\d++\smore\stimes?\]")


def _find_frame(line: str, _before: str, _is_open: bool) -> Found | None:  # noqa: FBT001
    if 'File "' not in line:
        return None
    match = _FRAME.match(line)
    if match is None:
        return None
    file, function = match["file"], (match["function"] or "").strip()
    in_app = is_in_app(Language.PYTHON, file=file, function=function)
    frame = Frame(function=function, file=file, line=read_number(match["line"]), in_app=in_app)
    return Found(frame, outermost_first=True)


def _find_heads(line: str) -> tuple[Head, ...]:
    if "Traceback (most recent call last)" in line or "Traceback (innermost last)" in line:
        return (Head(Link.START),)
    if any(text in line for text in _CHAINED):
        return (Head(Link.OUTER),)
    return ()


def _follow(section: Section, line: str, last: str) -> bool:
    """Take the source under a frame, what points into it, and the exception at the end."""
    if section.ended or not section.frames or _FRAME.match(line):
        return False
    if not line.strip(" \t^~|") or _REPEATED.match(line):
        return True
    match = _EXCEPTION.match(line)
    below_frame = _FILE.match(last) is not None
    if match is not None and _ends(match["type"], match["message"], line, after_frame=below_frame):
        section.exception, section.message = match["type"], (match["message"] or "").strip()
        section.ended = True
        return True
    return below_frame or line[:2].isspace()


def _ends(name: str, message: str | None, line: str, *, after_frame: bool) -> bool:
    """A line of source is indented, so that only a name that tells of a failure ends the trace below white space."""
    tells = _NAMED.search(name) is not None
    if line[:1].isspace():
        return tells and not after_frame
    return tells or (not after_frame and (message is not None or "." in name or name[:1].isupper()))


PYTHON = Grammar(Language.PYTHON, _find_frame, _find_heads, _follow, looks_back=4)
