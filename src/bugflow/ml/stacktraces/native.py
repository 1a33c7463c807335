"""Traces of C and C++: gdb, sanitizers, Valgrind, Windows debuggers, Android tombstones, glibc and the Linux kernel."""

import re
from dataclasses import replace

from bugflow.ml.stacktraces.grammar import Found, Grammar, Head, Link, Section, read_number
from bugflow.ml.stacktraces.model import Frame, Language
from bugflow.ml.stacktraces.origins import is_in_app

_NUMBERED = re.compile(
    r"\s*+#(?P<number>\d{1,4}+)\s++(?:(?P<address>0x[0-9a-fA-F]++)\s(?:in\s)?)?(?P<what>\S[^\n]{0,1500})$"
)
_PC = re.compile(
    r"\s*+#(?P<number>\d{1,4}+)\s++(?:pc\s)?(?:0x)?[0-9a-f]{4,16}+\s++(?P<module>\S++)"
    r"(?:\s\(offset[^()]{0,40}\))?(?:\s++\("
    r"(?P<what>[^\n]{1,600}?)\))?(?:\s\([^()\n]{0,80}\))?\s*$"
)
_PLACE = re.compile(r"\s(?:at\s)?(?P<file>[^\s()]{1,300}?):(?P<line>\d++)(?::\d++)?\s*$")
_BINARY = re.compile(
    r"\s(?:from\s(?P<from>[/.?][^\s()]{0,300}+)|\((?P<module>[^()\s]{1,300}?)\+0x[0-9a-f]++\)"
    r"(?:\s\(BuildId:[^()]{0,80}\))?)\s*$"
)
_VALGRIND = re.compile(
    r"\s*+(?P<kind>at|by)\s0x[0-9A-Fa-f]{3,}+:\s(?P<name>[^\n]{1,600}?)\s?(?:\((?:in\s)?"
    r"(?P<file>[^()\n]{1,300}?)(?::(?P<line>\d++))?\))?\s*$"
)
_WINDOWS = re.compile(
    r"\s*+(?:[0-9a-f]{2,3}\s)?(?:[0-9a-f`]{8,17}\s++|\(Inline\)\s++-*+\s++"
    r"|:\s){0,8}+(?P<module>[\w.-]{1,80}+)!(?P<name>[^\s+\[(][^\n+\[]{0,500}?)"
    r"(?P<offset>\s?\(?\)?\s?\+\s?0x[0-9a-f]++)?(?P<place>\s\[(?P<file>[^\n\]]{1,300}?)\s@\s(?P<line>\d++)\])?\s*$"
)
_GLIBC = re.compile(
    r"\s*+(?P<module>[./]\S{0,300}?)\((?P<name>[^()+]{0,300}+)\+?(?:0x[0-9a-f]++)?\)\s?\[0x[0-9a-f]++\]\s*$"
)
_KERNEL = re.compile(
    r"\s*+(?:\[<[0-9a-f]{1,16}+>\]\s)?(?P<guess>\?\s)?"
    r"(?P<name>[A-Za-z_][\w.]{1,100}+)\+0x[0-9a-f]++/0x[0-9a-f]++(?:\s\[(?P<module>\w++)\])?\s*$"
)
_HOTSPOT = re.compile(r"\s*+[CV]\s\s?\[(?P<module>[\w.+-]{1,80}?)\+0x[0-9a-f]++\](?:\s++(?P<name>[^\n]{1,400}))?$")
_WRAPPED = re.compile(
    r"\s++(?:[^\n]{0,300}?\)\s)?(?:at\s(?P<file>\S{1,300}?):(?P<line>\d++)|from\s(?P<module>/\S{1,300}+))\s*$"
)
_TAIL = re.compile(r"\+(?:0x)?[0-9a-f]++$")
_SKIPPED = re.compile(r"\s*+#\d++\s++<signal\shandler|\s*+(?:Call\sTrace:|backtrace:|BACKTRACE|Backtrace)")
_THREAD = re.compile(r"\s*+Thread\s\d++\s\(|\s*+\[(?:Switching\sto|Current\sthread)")
_HEADS = (
    re.compile(r"received\ssignal\s(?P<type>SIG\w++)(?:,\s(?P<message>.*?)\.?)?$"),
    re.compile(r"terminated\swith\ssignal\s(?P<type>\w++)(?:,\s(?P<message>.*?)\.?)?$"),
    re.compile(r"ERROR:\s\w{1,40}Sanitizer:\s(?P<type>[\w-]++)(?:\s(?P<message>.*+))?"),
    re.compile(r"(?:^|\s)signal\s\d++\s\((?P<type>SIG\w++)\),?\s?(?P<message>.*+)"),
    re.compile(r"Fatal\ssignal\s\d++\s\((?P<type>SIG\w++)\),?\s?(?P<message>.*+)"),
    re.compile(r"terminate\scalled\safter\sthrowing\san\sinstance\sof\s'(?P<type>[^'\n]{1,200}+)'(?P<message>)"),
    re.compile(r"\b(?P<type>EXCEPTION_[A-Z_]{4,60}+|STATUS_[A-Z_]{4,60}+)(?P<message>.*+)"),
    re.compile(r"\s(?P<type>SIG[A-Z]{2,8}+)\s\(0x[0-9a-f]++\)\sat\s(?P<message>.*+)"),
    re.compile(
        r"(?P<type>)(?P<message>(?:Invalid\s(?:read|write|free)|Conditional\sjump|Use\sof\suninitialised"
        r"|Assertion\s[`'].{1,300}failed|Access\sviolation|[Ss]egmentation\sfault|double\sfree|BUG:\s"
        r"|kernel\sBUG|Unhandled\sexception\sat\s|Process\sterminating\swith).*+)"
    ),
)
_WHAT = re.compile(r"\s*+(?:what\(\):|Abort\smessage:)\s*+(?P<message>.*+)$")


def _find_frame(line: str, _before: str, _is_open: bool) -> Found | None:  # noqa: FBT001
    if "#" in line[:60]:
        return _find_numbered(line)
    if " 0x" in line or "[0x" in line or "+0x" in line or "!" in line:
        for pattern in (_VALGRIND, _HOTSPOT, _GLIBC, _KERNEL, _WINDOWS):
            match = pattern.match(line)
            if match is not None:
                return _build_matched(pattern, match)
    return None


def _build_matched(pattern: re.Pattern[str], match: re.Match[str]) -> Found | None:
    parts = match.groupdict()
    name, file, module = parts.get("name") or "", parts.get("file") or "", parts.get("module") or ""
    if pattern is _WINDOWS and not (parts["offset"] or parts["place"]):
        return None
    if pattern is _KERNEL and parts["guess"]:
        return None
    if pattern is _VALGRIND and not parts.get("line"):
        module, file = file, ""
    number = 0 if parts.get("kind") == "at" else None
    return Found(_build(_TAIL.sub("", name.strip()), module=module, file=file, line=parts.get("line")), number=number)


def _find_numbered(line: str) -> Found | None:
    match = _PC.match(line)
    if match is not None and (" pc " in line or match["module"].startswith("/")):
        name = _TAIL.sub("", match["what"] or "")
        name = "" if name.startswith(("BuildId", "offset ", "deleted")) else name
        return Found(_build(name, module=match["module"]), number=int(match["number"]))
    match = _NUMBERED.match(line)
    if match is None or match["what"].startswith("<"):
        return None
    what = match["what"]
    place, binary = _PLACE.search(what), _BINARY.search(what)
    end = place or binary
    rest = what[: end.start()] if end is not None else what
    # gdb parts name and arguments by a space, a sanitizer does not.
    name, _, arguments = rest.partition(" (")
    if match["address"] is None and (name == rest or not (arguments.endswith(")") or end)):
        return None
    module = (binary["from"] or binary["module"]) if binary is not None and place is None else ""
    file, number = (place["file"], place["line"]) if place is not None else ("", None)
    return Found(_build(name, module=module, file=file, line=number), number=int(match["number"]))


def _build(name: str, *, module: str = "", file: str = "", line: str | None = None) -> Frame:
    name = "" if name in {"??", "???"} else name
    in_app = is_in_app(Language.NATIVE, module=module, file=file, function=name) and bool(name or file or module)
    return Frame(function=name, module=module, file=file, line=read_number(line), in_app=in_app)


def _follow(section: Section, line: str, _last: str) -> bool:
    """Take what stands below a frame that gdb or a terminal broke into two lines: its arguments and its place."""
    if not section.frames or not line[:1].isspace():
        return False
    place = _WRAPPED.match(line)
    if place is None:
        return False
    frame = section.frames[-1]
    if not frame.file and not frame.module:
        file, module = place["file"] or "", place["module"] or ""
        in_app = frame.in_app and is_in_app(Language.NATIVE, module=module, file=file, function=frame.function)
        section.frames[-1] = replace(frame, file=file, module=module, line=read_number(place["line"]), in_app=in_app)
    return True


def _find_heads(line: str) -> tuple[Head, ...]:
    if _SKIPPED.match(line) or _WHAT.match(line):
        return (Head(Link.NOTHING),)
    if _THREAD.match(line):
        return (Head(Link.THREAD),)
    for pattern in _HEADS:
        match = pattern.search(line)
        if match is not None:
            return (Head(Link.START, match["type"] or None, (match["message"] or "").strip(" :")),)
    return ()


NATIVE = Grammar(Language.NATIVE, _find_frame, _find_heads, _follow, looks_back=40)
