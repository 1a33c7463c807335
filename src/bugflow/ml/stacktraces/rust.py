"""Traces of Rust, as its run-time wrote them from 2013 on."""

import re
from dataclasses import replace

from bugflow.ml.stacktraces.grammar import Found, Grammar, Head, Link, Section, read_number
from bugflow.ml.stacktraces.model import Frame, Language
from bugflow.ml.stacktraces.origins import is_in_app

_FRAME = re.compile(
    r"\s*+(?P<number>\d{1,4}+):\s++(?:(?P<address>0x[0-9a-fA-F]++)\s*+(?:-\s*+|$))?(?P<name>\S.{0,600}+|(?<=\s|-))?$"
)
_PATH = re.compile(
    r"[<\w$&\[({_*][^\n]{0,400}?::|<unknown>|(?:_?main|_?start|__\w++|rust_\w++|clone|start_thread)(?:\s|$)"
)
_PLACE = re.compile(r"\s++at\s(?P<file>\S.{0,400}?):(?P<line>\d++)(?::\d++)?\s*$")
_HASH = re.compile(r"(?:::h[0-9a-f]{10,20}\w{0,8}|\s-\s<[^\n]{0,80}>)$")
_PANIC = re.compile(
    r"(?:thread|task)\s'(?P<thread>[^'\n]{0,120}+)'\s(?:\(\d++\)\s)?(?:panicked|failed)\sat\s"
    r"(?:'(?P<message>.{0,1500})',\s(?P<place>[^,\s'][^,']{0,300}:\d++(?::\d++)?)"
    r"|(?P<new>[^'\n]{1,300}?:\d++:\d++):?\s*$|(?P<open>'.*+))"
)
_BUG = re.compile(r"\s*+(?:error:\s)?internal\scompiler\serror:\s(?P<message>.*+)")
_MARK = re.compile(r"\s*+(?:stack\sbacktrace:|note:\s|query\sstack|end\sof\squery)")


def _find_frame(line: str, _before: str, is_open: bool) -> Found | None:  # noqa: FBT001
    if "panicked at" in line or "failed at" in line:
        return _read_panic(line)
    match = _FRAME.match(line)
    if match is None:
        return None
    name = match["name"] or ""
    if match["address"] is None and not _PATH.match(name) and not is_open:
        return None
    if match["address"] is None and not re.match(r"[\w<&\[({_*]", name):
        return None
    module, _, function = split_path(_HASH.sub("", name.strip()))
    in_app = is_in_app(Language.RUST, module=module, function=function)
    return Found(Frame(function=function, module=module, in_app=in_app), number=int(match["number"]))


def _read_panic(line: str) -> Found | None:
    """A panic says where it was, which is all that there is where no back-trace was asked for."""
    match = _PANIC.search(line)
    if match is None:
        return None
    file, _, rest = (match["place"] or match["new"] or "").partition(".rs:")
    head = Head(Link.START, None, (match["message"] or (match["open"] or "").strip("'")).strip())
    file = file + ".rs" if rest else file
    in_app = is_in_app(Language.RUST, file=file, module="", function="")
    frame = Frame(file=file, line=read_number(rest.partition(":")[0]), in_app=in_app)
    return Found(frame, head=head, provisional=True)


def split_path(name: str) -> tuple[str, str, str]:
    """Return what stands before and behind the last `::` outside of brackets, and the `::` itself in between.

    An implementation keeps its type: `<a::B as c::D>::run` is `run` of `<a::B as c::D>`.
    """
    depth = 0
    for position in range(len(name) - 1, 0, -1):
        sign = name[position]
        if sign in ">)]}" and name[position - 1] not in "-=":
            depth += 1
        elif sign in "<([{":
            depth -= 1
        elif sign == ":" and depth <= 0 and name[position - 1] == ":":
            if name[position + 1 :].startswith(("{", "h0")):
                continue
            return name[: position - 1], "::", name[position + 1 :]
    return "", "", name


def _find_heads(line: str) -> tuple[Head, ...]:
    if _MARK.match(line):
        return (Head(Link.NOTHING),)
    match = _BUG.match(line)
    return () if match is None else (Head(Link.START, None, match["message"].strip()),)


def _follow(section: Section, line: str, _last: str) -> bool:
    """Take the place below a frame, and the message below a panic."""
    if not section.frames:
        return False
    if section.provisional:
        if not section.message and line.strip() and not _MARK.match(line):
            section.message = line.strip()
            return True
        return False
    place = _PLACE.match(line)
    if place is None:
        return False
    frame = section.frames[-1]
    if not frame.file:
        file = place["file"]
        in_app = frame.in_app and is_in_app(Language.RUST, file=file, module=frame.module, function=frame.function)
        section.frames[-1] = replace(frame, file=file, line=read_number(place["line"]), in_app=in_app)
    return True


RUST = Grammar(Language.RUST, _find_frame, _find_heads, _follow)
