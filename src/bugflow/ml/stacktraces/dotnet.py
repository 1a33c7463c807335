"""Traces of .NET, Mono and Unity, which write the frames of the innermost exception first."""

import re

from bugflow.ml.stacktraces.grammar import Found, Grammar, Head, Link, read_number
from bugflow.ml.stacktraces.model import Frame, Language
from bugflow.ml.stacktraces.origins import is_in_app

_NAME = r"(?P<name>[\w<>`$+.\[\],|&*:=\u0370-\uffff-]{1,400}+)"
_FRAME = re.compile(
    r"\s*+(?:at|bei|\u00e0|in|en)\s++"
    + _NAME
    + r"\s?\((?P<args>[^()\n]{0,600}+(?:\([^()\n]{0,200}+\)[^()\n]{0,200}+){0,5}+)\)"
    r"(?P<rest>.*+)$"
)
_UNITY = re.compile(_NAME + r"\s?\([^()\n]{0,400}+\)\s?\(at\s(?P<file>[^()\n]{1,300}?):(?P<line>\d++)\)\s*$")
_PLACE = re.compile(r"\s*+(?:\[0x[0-9a-f]++\]\s)?in\s(?P<file>.{1,400}?)(?::(?:[^\W\d]{1,12}\s)?(?P<line>\d++))?\s*$")
_OFFSET = re.compile(r"\s*+(?:\[0x[0-9a-f]++\]|\+\s?0x[0-9a-f]++)?\s*$")
_ARGUMENT = re.compile(
    r"\s*+(?:$|(?:(?:ref|out|in|params)\s)?[\w.<>`\[\],*&+?/{}]{1,200}+[\s.,][\w.<>`\[\],*&+?/{}\s]{1,500}+$)"
)
_BACK = re.compile(r"\s*+-{3}\s(?:End\sof\sinner\sexception|Ende der internen)", re.IGNORECASE)
_NOTHING = re.compile(r"\s*+-{3}\s(?:End\sof\sstack\strace|Ende der Stapel)", re.IGNORECASE)
_START = re.compile(
    r"(?:\[|Unhandled\s[Ee]xception[.:]\s|Exception:\s|\(Inner\sException\s#\d++\)\s)?"
    r"(?P<type>(?:[A-Za-z_]\w{0,80}+\.){0,12}+[A-Z][\w`+]{0,120})(?:\s\([^()]{1,80}+\))?(?::\s?"
    r"|(?=\]?\s*$))(?P<message>.*+)$"
)
_FAILS = re.compile(r"(?:Exception|Error|Fault|Failure)(?:`\d)?$")
_WITHIN = re.compile(r"(?<![\w.])(?:[A-Za-z_]\w{0,80}+\.){1,12}+[A-Z]\w{0,120}Exception(?=:\s)")
_ARROW = re.compile(r"\s?--->\s")


def _find_frame(line: str, _before: str, _is_open: bool) -> Found | None:  # noqa: FBT001
    if "(" not in line:
        return None
    if "(at " in line:
        unity = _UNITY.match(line.strip())
        return Found(_build(unity["name"], unity["file"], unity["line"])) if unity is not None else None
    match = _FRAME.match(line)
    if match is None or "." not in match["name"].strip(".") or match["name"].endswith(".js"):
        return None
    place = _PLACE.match(match["rest"])
    if place is None and not (_OFFSET.match(match["rest"]) and _ARGUMENT.match(match["args"])):
        return None
    if place is None:
        return Found(_build(match["name"], "", None))
    return Found(_build(match["name"], place["file"], place["line"]))


def _build(name: str, file: str, line: str | None) -> Frame:
    name = name.replace(":", ".", 1) if ":" in name and "." not in name else name
    generic = name.find("[") if name.endswith("]") else -1
    plain = name if generic < 0 else name[:generic]
    module, _, function = plain.replace("..ctor", ".#ctor").replace("..cctor", ".#cctor").rpartition(".")
    if function.startswith("#"):
        function = "." + function[1:]
    in_app = is_in_app(Language.DOTNET, module=module, function=function)
    return Frame(function=function, module=module, file=file.strip("<>"), line=read_number(line), in_app=in_app)


def _find_heads(line: str) -> tuple[Head, ...]:
    if _NOTHING.match(line):
        return (Head(Link.NOTHING),)
    if _BACK.match(line):
        return (Head(Link.BACK),)
    parts = _ARROW.split(line.strip(), maxsplit=10)
    heads = []
    for position, part in enumerate(parts):
        head = _read_head(part, Link.CAUSE if position else Link.START)
        if head is not None:
            heads.append(head)
    return tuple(heads)


def _read_head(part: str, link: Link) -> Head | None:
    match = _START.match(part.strip())
    if match is not None and (link is Link.CAUSE or _FAILS.search(match["type"])):
        closing = "]" if part.lstrip().startswith("[") else ""
        return Head(link, match["type"], match["message"].strip().removesuffix(closing).strip())
    within = _WITHIN.search(part)
    if within is None:
        return None
    return Head(link, within.group(), part[within.end() :].lstrip(" :").rstrip(), stands_first=False)


DOTNET = Grammar(Language.DOTNET, _find_frame, _find_heads, joins_message=True)
