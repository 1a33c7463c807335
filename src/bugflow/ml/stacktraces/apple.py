"""Crash reports of macOS and iOS, and what an uncaught exception of Objective-C or Swift prints."""

import re

from bugflow.ml.stacktraces.grammar import Found, Grammar, Head, Link, read_number
from bugflow.ml.stacktraces.model import Frame, Language
from bugflow.ml.stacktraces.origins import is_in_app

_FRAME = re.compile(
    r"\s*+(?P<number>\d{1,3}+)\s++(?P<module>[^\s:][^\n]{0,60}?)\s++(?:\t\s*+)?"
    r"(?P<address>0x[0-9a-fA-F]{6,16}+)\s++(?P<what>\S[^\n]{0,600})$"
)
_OFFSET = re.compile(r"\s\+\s\d++(?:\s\((?P<file>[^()\n]{1,200}?)(?::(?P<line>\d++))?\))?\s*$")
_RAW = re.compile(r"0x[0-9a-fA-F]++")
_METHOD = re.compile(r"(?P<sign>[-+])\[(?P<class>[^\s\]]{1,200}+)\s(?P<method>[^\]\s]{1,300}+)\]")
_UNCAUGHT = re.compile(
    r"uncaught\sexception\s(?:of\stype\s)?'?(?P<type>[\w:]{1,200}+)'?(?:[,:]\s*+(?:reason:\s)?'?(?P<message>.*+))?"
)
_TYPE = re.compile(r"\s*+Exception\sType:\s++(?P<type>\w++)(?:\s\((?P<signal>\w++)\))?")
_FATAL = re.compile(
    r"(?:^|\s)(?:Fatal|Assertion|Precondition)\s(?:error|failed|failure)(?::\s(?P<message>.*?)(?::\sfile\s.*)?)?$"
)
_THREAD = re.compile(
    r"\s*+(?:(?P<bystander>Thread\s\d++:)|Thread\s\d++\sCrashed:"
    r"|Last\sException\sBacktrace:|Application\sSpecific\sBacktrace)"
)
_MARK = re.compile(r"\s*+(?:\*\*\*\s(?:First\sthrow\s)?[Cc]all\sstack|Thread\s\d++\s(?:name|crashed\swith)|\()\s*+")


def _find_frame(line: str, _before: str, _is_open: bool) -> Found | None:  # noqa: FBT001
    if "0x" not in line:
        return None
    match = _FRAME.match(line)
    if match is None:
        return None
    what = match["what"]
    place = _OFFSET.search(what)
    if place is None and not _RAW.match(what):
        return None
    name = what[: place.start()] if place is not None else ""
    name = "" if _RAW.match(name) else name
    method = _METHOD.search(name)
    binary = match["module"].strip()
    in_app = is_in_app(Language.APPLE, module=binary, function=name)
    file, line_number = (place["file"] or "", read_number(place["line"])) if place is not None else ("", None)
    file = "" if file == "in " + binary else file
    function = f"{method['sign']}[{method['class']} {method['method']}]" if method is not None else name
    frame = Frame(function=function, module=binary, file=file, line=line_number, in_app=in_app)
    return Found(frame, number=int(match["number"]))


def _find_heads(line: str) -> tuple[Head, ...]:
    if _MARK.match(line):
        return (Head(Link.NOTHING),)
    thread = _THREAD.match(line)
    if thread is not None:
        return (Head(Link.BYSTANDER if thread["bystander"] else Link.THREAD),)
    match = _UNCAUGHT.search(line)
    if match is not None:
        return (Head(Link.START, match["type"], (match["message"] or "").strip().removesuffix("'")),)
    match = _TYPE.match(line)
    if match is not None:
        return (Head(Link.START, match["type"], match["signal"] or ""),)
    match = _FATAL.search(line)
    return () if match is None else (Head(Link.START, None, (match["message"] or "").strip()),)


APPLE = Grammar(Language.APPLE, _find_frame, _find_heads, looks_back=40)
