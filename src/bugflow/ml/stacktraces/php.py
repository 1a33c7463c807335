"""Traces of PHP, whose frames say where each function was called."""

import re

from bugflow.ml.stacktraces.grammar import Found, Grammar, Head, Link, read_number
from bugflow.ml.stacktraces.model import Frame, Language
from bugflow.ml.stacktraces.origins import is_in_app

_FRAME = re.compile(
    r"\s*+#(?P<number>\d{1,4}+)\s++(?:(?P<file>[^\s(][^(\n]{0,300}?"
    r"(?:\([^()\n]{0,40}\)[^(\n]{0,40}?)?)\((?P<line>\d++)\):\s|\[internal\sfunction\]:\s)"
    r"(?P<call>\S[^\n]{0,600})"
)
_MAIN = re.compile(r"\s*+(?:#\d{1,4}+\s++\{main\}|thrown\sin\s\S|Stack\strace:|\[stacktrace\])")
_WHERE = re.compile(
    r"\s(?:in|at)\s(?P<file>(?:/|[A-Za-z]:[\\/]|phar:)[^\n]{0,300}?)(?::|\son\sline\s)(?P<line>\d++)\)?\s*$"
)
_HEAD = re.compile(
    r"(?:(?P<next>Next)\s|(?:PHP\s)?(?:Catchable\s)?(?:Fatal|Parse"
    r"|Recoverable\sfatal)\serror:\s++(?P<uncaught>Uncaught\s)?)"
    r"(?P<quoted>(?:[Ee]xception\s)?')?(?P<type>(?:[A-Za-z_]\w{0,80}+\\){0,12}+[A-Z]\w{0,100}+)?"
    r"(?:'\swith\smessage\s'(?P<old>[^\n]{0,1500}?)'(?=\sin\s|$)|:\s(?P<message>.*+)|(?P<none>\s*$|.*+))"
)
_LOGGED = re.compile(r"\[object\]\s\((?P<type>[\w\\]{1,200}+)\(code:\s[^()]{0,20}\):\s(?P<message>.*+)")
_TYPED = re.compile(r"(?P<type>(?:[A-Za-z_]\w{0,80}+\\){0,12}+[A-Z]\w{0,80}(?:Exception|Error)):\s(?P<message>.*+)")
_CALL_END = re.compile(r"\(|\s")


def _find_frame(line: str, _before: str, _is_open: bool) -> Found | None:  # noqa: FBT001
    if "#" not in line[:60]:
        return _find_fatal(line) if " error: " in line[:80] else None
    match = _FRAME.match(line)
    if match is None:
        return None
    call = _CALL_END.split(match["call"], maxsplit=1)[0]
    module, arrow, function = call.replace("::", "->").rpartition("->")
    file = match["file"] or ""
    in_app = bool(file) and is_in_app(Language.PHP, module=module, file=file, function=function)
    frame = Frame(
        function=function if arrow else call, module=module, file=file, line=read_number(match["line"]), in_app=in_app
    )
    return Found(frame, number=int(match["number"]))


def _find_fatal(line: str) -> Found | None:
    """A fatal error says where it was, which is all there is where no trace follows."""
    heads = _find_heads(line)
    where = _WHERE.search(line)
    if not heads or heads[0].link is not Link.START or where is None:
        return None
    in_app = is_in_app(Language.PHP, file=where["file"], function="")
    frame = Frame(file=where["file"], line=read_number(where["line"]), in_app=in_app)
    return Found(frame, head=heads[0], provisional=True)


def _find_heads(line: str) -> tuple[Head, ...]:
    if _MAIN.match(line):
        return (Head(Link.NOTHING),)
    for pattern in (_HEAD, _LOGGED, _TYPED):
        match = pattern.search(line) if pattern is not _TYPED else pattern.match(line.strip())
        if match is None:
            continue
        parts = match.groupdict()
        message = parts.get("message") or parts.get("old") or ""
        exception = match["type"]
        if pattern is _HEAD and not (parts["uncaught"] or parts["next"]):
            # `Fatal error: Call to undefined function x()` names no type.
            _, _, message = line[match.start() :].partition("error:")
            exception = None
        link = Link.OUTER if parts.get("next") else Link.START
        return (Head(link, exception, _WHERE.sub("", message).strip()),)
    return ()


PHP = Grammar(Language.PHP, _find_frame, _find_heads, looks_back=6)
