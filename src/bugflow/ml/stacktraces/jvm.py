"""Traces of Java, Kotlin, Scala, Groovy and Clojure, on servers and on Android."""

import re

from bugflow.ml.stacktraces.grammar import Found, Grammar, Head, Link, read_number
from bugflow.ml.stacktraces.model import Frame, Language
from bugflow.ml.stacktraces.origins import is_in_app

_FRAME = re.compile(
    r"\s*+(?P<at>at:?\s++)?(?:[\w.@~-]{0,80}+/){0,3}+(?P<name>[\w$.<>`'+%/@\u2019-]{1,400}+)"
    r"\s?\((?P<file>[^():]{0,160}+)(?::(?P<line>-?\w{1,9}))?(?:\s?\)|$)"
)
_BARE = re.compile(r"[\w$]{0,80}+$")
_DEBUGGER = re.compile(
    r"\s*+(?:at\s)?(?P<class>[\w$.]{1,200}?)(?:\([\w$.]{1,200}+\))?\.(?P<name>[\w$<>]{1,100}+)\([^()]{0,300}+\)"
    r"\sline:\s(?:(?P<line>\d++)|not\savailable)"
)
_FILE = re.compile(
    r"(?:Native\sMethod|Unknown\sSource|SourceFile|Source\sFile|Redefined|Inlined\sCompiled\sCode|Compiled\sCode"
    r"|(?:Optimized|Inlined)\sMethod|<\w[\w\s]{0,30}>|[\w$./\s-]{1,150}\.(?:java|rb|kts?|scala|groovy"
    r"|cljc?|aj|jsp|gvy))$",
    re.IGNORECASE,
)
_CAUSE = re.compile(r"\W{0,12}(?:Caused\sby|Root\scause)\s?:\s*+", re.IGNORECASE)
_OUTER = re.compile(r"\s*+Wrapped\sby:\s*+")
_SIDE = re.compile(r"\W{0,12}Suppressed:\s*+")
_OMITTED = re.compile(r"\s*+(?:\.\.\.|\u2026)\s*+(?:\d++\s++(?:more|common\sframes)|more)\b")
_DUMP = re.compile(r"\"[^\"]{1,200}+\"\s(?:#\d++\s|daemon\s|prio=|\[|Id=)|--+\s?(?:Error|Exception)\s?--+\s*$")
_THREAD = re.compile(r"\s*+(?:[\w.:\s]{0,40}\b)?Exception\sin\sthread\s\"[^\"]{0,300}+\"\s*+", re.IGNORECASE)
_TYPE = re.compile(
    r"(?<![\w$.-])(?:[A-Za-z_][\w-]{0,80}+\.){1,20}+[A-Z_][\w$]{0,200}+"
    r"(?![\w.]|\([\w$<]{0,80}+(?:\.(?:java|kt|scala)\b|\)))"
)
_FAILS = re.compile(
    r"(?:Exception|Error|Throwable|Fault|Failure|Failed|ThreadDeath|Interrupt(?:ed)?|Abort(?:ed)?)\w{0,12}$"
)
_SIMPLE = re.compile(
    r"(?<![\w$.@/])[A-Z]\w{0,80}(?:Exception|Error)"
    r"(?=\s*+:|\s*$|\((?![\w$<]{0,80}+\.(?:java|kt|scala)\b)|\s[\w-]{1,30}+[=:])"
)
_PLAIN_ERROR = re.compile(r"\s*+(?:Error|Exception|Stack\strace)\s?:?\s*+")
_MARKS = " \t*+-_{}[]()<>\"'`:,;.=|!"


def _find_frame(line: str, _before: str, is_open: bool) -> Found | None:  # noqa: FBT001
    if "(" not in line:
        return None
    if " line: " in line:
        return _find_in_debugger(line)
    match = _FRAME.match(line)
    if match is None or not _is_frame(match, is_open=is_open):
        return None
    file, number = match["file"].strip(), read_number((match["line"] or "").lstrip("-"))
    module, _, function = match["name"].rpartition(".")
    # Some trackers take `<init>` for a tag and leave it out.
    function = function or "<init>"
    source = file if "." in file and " " not in file else ""
    in_app = is_in_app(Language.JVM, module=module, function=function)
    return Found(Frame(function=function, module=module, file=source, line=number, in_app=in_app))


def _is_frame(match: re.Match[str], *, is_open: bool) -> bool:
    """Without `at` in front only what looks like a file tells a frame from a call in a sentence."""
    file, number = match["file"].strip(), match["line"]
    if "." not in match["name"][1:]:
        return False
    known = _FILE.match(file) is not None
    if not match["at"]:
        return known and (number is not None or is_open or file == "Native Method")
    by_line = number is not None and "/" not in file and not file.endswith((".js", ".ts"))
    return known or by_line or (is_open and number is None and _BARE.match(file) is not None)


def _find_in_debugger(line: str) -> Found | None:
    """Eclipse copies frames as `Pool(Store).open(String) line: 12`."""
    match = _DEBUGGER.match(line)
    if match is None:
        return None
    module, function = match["class"], match["name"]
    in_app = is_in_app(Language.JVM, module=module, function=function)
    return Found(Frame(function=function, module=module, line=read_number(match["line"]), in_app=in_app))


def _find_heads(line: str) -> tuple[Head, ...]:
    if _OMITTED.match(line):
        return (Head(Link.NOTHING),)
    for pattern, link in ((_CAUSE, Link.CAUSE), (_OUTER, Link.OUTER), (_SIDE, Link.SIDE)):
        match = pattern.match(line)
        if match is not None:
            return (_read_named(line[match.end() :], link),)
    if "java.lang.Thread.State" in line:
        return (Head(Link.NOTHING),)
    if _DUMP.match(line.lstrip()):
        return (Head(Link.THREAD),)
    return _find_start(line)


def _read_named(text: str, link: Link) -> Head:
    """What stands behind `Caused by:` is a type, whatever its name."""
    match = re.match(r"[\w$.-]{1,300}+", text)
    if match is None:
        return Head(link, None, text.strip())
    return Head(link, match.group().rstrip("."), text[match.end() :].lstrip(" :").rstrip())


def _find_start(line: str) -> tuple[Head, ...]:
    thread = _THREAD.match(line)
    begin = thread.end() if thread is not None else 0
    if not begin:
        plain = _PLAIN_ERROR.match(line)
        begin = plain.end() if plain is not None else 0
    match = None
    for found in _TYPE.finditer(line, begin):
        first = not line[begin : found.start()].strip(_MARKS)
        if _FAILS.search(found.group()) or (first and line[found.end() : found.end() + 1] == ":"):
            match = found
            break
    simple = _SIMPLE.search(line, begin)
    if simple is not None and (match is None or simple.start() < match.start()):
        first = not line[begin : simple.start()].strip(_MARKS)
        match = simple if first or match is None or line[simple.end() : simple.end() + 1] == "(" else match
    if match is None:
        if thread is None:
            return ()
        return (_read_named(line[begin:], Link.START),)
    first = not line[begin : match.start()].strip(_MARKS)
    message = line[match.end() :].lstrip(" :").rstrip()
    return (Head(Link.START, match.group(), message, stands_first=first or thread is not None),)


JVM = Grammar(Language.JVM, _find_frame, _find_heads, joins_message=True)
