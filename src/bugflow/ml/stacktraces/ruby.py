"""Traces of Ruby, which writes the failure on the line of the first frame."""

import re

from bugflow.ml.stacktraces.grammar import Found, Grammar, Head, Link, read_number
from bugflow.ml.stacktraces.model import Frame, Language
from bugflow.ml.stacktraces.origins import is_in_app

_FRAME = re.compile(
    r"\s*+(?:\[\d++\]\s)?(?:(?P<number>\d++):\s)?(?P<from>from\s++)?(?P<file>[^\s:][^:\n]{0,300}+"
    r"(?::[\\/][^:\n]{1,300}+)?):(?P<line>\d++)"
    r"(?::in\s[`'\"\u2018](?P<function>.{1,200}?)['\u2019\"](?=:\s|\s*$)|(?=\s*$))(?::\s(?P<rest>.*+))?\s*$"
)
_SOURCE = re.compile(
    r"(?:\.(?:rb|erb|haml|slim|rake|ru|gemspec|jbuilder)|^-e|^\(\w+\)|^<internal:.*|(?:^|/)(?:bin"
    r"|exe)/[\w.-]+|Rakefile|irb)$"
)
_NAMED = re.compile(r"(?P<message>.*)\s\((?P<type>[A-Z][\w:]*+)\)\s*$")
_HEAD = re.compile(
    r"(?:[^\s:]{0,40}\s)?(?P<type>(?:[A-Z]\w{0,60}+::){0,8}+[A-Z]\w{0,80}(?:Error|Exception|NotFound"
    r"|Timeout|Invalid|Interrupt|Missing))"
    r"(?:\s?\((?P<within>.*+)|:\s(?P<message>.*+)|:?\s*$)"
)


def _find_frame(line: str, _before: str, _is_open: bool) -> Found | None:  # noqa: FBT001
    if ":" not in line:
        return None
    match = _FRAME.match(line)
    if match is None:
        return None
    file, function = match["file"], match["function"] or ""
    if not (function or match["from"]) or not (function or _SOURCE.search(file)):
        return None
    in_app = is_in_app(Language.RUBY, file=file, function=function)
    module, sign, name = _split(function)
    frame = Frame(function=name, module=module, file=file, line=read_number(match["line"]), in_app=in_app)
    numbered = match["number"] is not None
    return Found(
        frame, head=_read_rest(match["rest"]), outermost_first=numbered and bool(match["from"] or sign or name)
    )


def _split(function: str) -> tuple[str, str, str]:
    """Ruby 3.4 writes the class: `Foo#bar`, `Foo.bar`; older ones only the method, `block in bar`."""
    module, sign, name = function.rpartition("#")
    if not sign and re.match(r"[A-Z][\w:]*\.\w", function):
        module, sign, name = function.rpartition(".")
    for prefix in ("block in ", "rescue in ", "ensure in "):
        module = module.removeprefix(prefix)
    return module, sign, name


def _read_rest(rest: str | None) -> Head | None:
    """Read `message (Type)`; the type may stand on a later line where the message has several."""
    if not rest:
        return None
    match = _NAMED.match(rest)
    if match is None:
        return Head(Link.START, None, rest.strip())
    return Head(Link.START, match["type"], match["message"].strip())


def _find_heads(line: str) -> tuple[Head, ...]:
    match = _HEAD.match(line.strip())
    if match is None:
        return ()
    message = (match["within"] or "").rstrip(": ").removesuffix(")") or match["message"] or ""
    return (Head(Link.START, match["type"], message.strip()),)


RUBY = Grammar(Language.RUBY, _find_frame, _find_heads, looks_back=6)
