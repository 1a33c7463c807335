"""Turns a report's text into lines as the failing program wrote them: no marks of trackers, replies and logs."""

import html
import re
from collections.abc import Iterator

from bugflow.ml.markup import normalise

MOST_CHARACTERS = 2000
"""Of a line that are looked at."""

_BLOCKS = re.compile(
    r"\{(?:code|noformat|quote|panel|color)(?::[^{}\n]{0,200}+)?\}|`{3,}+[\w+#-]{0,20}+|~~~++"
    r"|\{\{\{(?:\#!\w++)?|\}\}\}"
    r"|</?(?:pre|p|br|code|div|li|tt|blockquote)(?:\s[^<>\n]{0,200}+)?/?>",
    re.IGNORECASE,
)
_RUN_ON = re.compile(
    r"(?<=\S)[ \t]++(?="
    r"at\s[\w$.<>/@-]{1,300}+\((?:[\w$-]{1,120}+(?:\.\w{2,6}+)?:\d++|Native\sMethod|Unknown\sSource)\)"
    r"|at\s[\w$.<>]{1,200}+\s\([^()\s]{1,400}:\d++\)"
    r"|File\s\"[^\"\n]{1,300}+\",\sline\s\d"
    r"|Caused\sby:\s[\w$]++\.)"
)
_PREFIX = re.compile(
    r"(?:\s*+>)++\s?|\s*+bq\.\s|\s*+\|\s(?!at\s0x)|\s*+==\d++==\s?(?!ERROR)"
    r"|\s*+\d\d-\d\d\s++[\d:.]{8,14}+:?\s++(?:\d++\s++\d++\s++)?[VDIWEF](?:[A-Z]{3,6}+)?[ /][^:\n]{1,60}+:\s?"
    r"|\s*+(?:\d\d-\d\d\s++[\d:.]{8,14}+:?\s++)?[A-Z]{4,6}+/[^:(\n]{1,40}+\(\s*+\d++\)\s*+:\s?"
    r"|\s*+[VDIWEF]/[^:(\n]{1,40}+(?:\(\s*+\d++\))?\s*+:\s?"
    r"|\s*+\[(?:ERROR|WARN(?:ING)?|INFO|DEBUG|FATAL|TRACE|SEVERE|java|junit|exec|null|apply|testng|error|warn|info)\]"
    r"\s?(?::\s++)?(?:(?!\w{0,80}(?:Error|Exception|Violation|panic):)\w++:\s)?"
    r"|\s*+(?:TiExceptionHandler|TiApplication|KrollRuntime|System\.err|AndroidRuntime)\s?:\s?"
    r"|\s*+\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d++)?(?:Z|[+-]\d\d:?\d\d)?\s"
    r"|[A-Z][a-z]{2}\s++\d{1,2}+\s\d\d:\d\d:\d\d\s[\w.-]{1,60}+\s[\w./-]{1,60}+(?:\[\d++\])?:\s"
    r"|[\w.-]{1,40}+\s{0,20}+\|\s(?!at\s0x)"
    r"|\s*+[*-]\s++(?=at\s)"
)
_CUT = re.compile(
    r"\s*+at(?:\s++[\w$.<>/-]{1,300}+(?:\([\w$. ]{0,100}+)?|\s++[^()]{1,200}+"
    r"\((?:/|[A-Z]:\\|\w{2,12}:)[^()]{1,400}+)?\s*$"
)
_WHOLE = re.compile(
    r"\s*+at\s++(?:[\w$.<>/-]{1,300}+\([\w$. -]{1,100}+(?::\d++)?\)|[^()]{1,200}+\([^()]{1,800}?:\d++:\d++\)\s*$)"
)
_LINE_ENDS = " \t\u21a9"
"""The arrow stands for the line's end in what terminals and pages show."""
_MOST_PREFIXES = 3


def split_lines(text: str) -> Iterator[str]:
    """Return the lines, a frame each, without line feeds, each at most `MOST_CHARACTERS` long.

    Undone are marks of blocks, HTML, quotes, prefixes of logs, several frames on one line and a frame on two.
    The time is linear in the length of the text.
    """
    text = normalise(text)
    if "&" in text:
        text = html.unescape(text).replace("\xa0", " ")
    if "{" in text or "`" in text or "~~~" in text or "<" in text or "}" in text:
        text = _BLOCKS.sub("\n", text)
    return _join_cut(_part_run_ons(text))


def _part_run_ons(text: str) -> Iterator[str]:
    for raw in text.split("\n"):
        for line in _RUN_ON.sub("\n", _strip_prefixes(raw)).split("\n"):
            yield line[:MOST_CHARACTERS].rstrip(_LINE_ENDS)


def _join_cut(lines: Iterator[str]) -> Iterator[str]:
    kept = ""
    for line in lines:
        if kept:
            joined = _join(kept, line)
            if joined:
                kept = ""
                yield joined
                continue
            yield kept
            kept = ""
        if _CUT.match(line):
            kept = line
        else:
            yield line
    if kept:
        yield kept


def _strip_prefixes(line: str) -> str:
    for _ in range(_MOST_PREFIXES):
        match = _PREFIX.match(line)
        if match is None:
            break
        line = line[match.end() :]
    return line


def _join(first: str, second: str) -> str:
    """Return the frame that two lines make, or nothing where they make none."""
    second = second.strip()
    for between in (" ", "") if first.rstrip().endswith(("Native", "Unknown")) else ("", " "):
        whole = first.rstrip() + between + second[:MOST_CHARACTERS]
        if _WHOLE.match(whole):
            return whole
    return ""
