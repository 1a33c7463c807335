"""Recognises the lines of stack traces and logs of ten families of languages and tools."""

import re
from enum import Enum

LOOKED_AT = 400
"""Characters of a line that are looked at: what makes a frame stands in front."""


class TraceLine(Enum):
    """What a line is to a stack trace."""

    NONE = "none"
    FRAME = "frame"
    MESSAGE = "message"
    """Says what went wrong, such as `ValueError: no such port`."""


_LOG_PREFIX = re.compile(
    r"\s*+(?:==\d++==\s*+"
    r"|\d\d-\d\d\s++[\d:.]{8,14}+:?\s++(?:\d++\s++\d++\s++)?[VDIWEF][ /][^:\n]{1,60}+:\s?"
    r"|[VDIWEF]/[^:(\n]{1,40}+(?:\(\s*+\d++\))?\s*+:\s?"
    r"|\[(?:ERROR|WARN|INFO|DEBUG|FATAL|TRACE)\]\s*+:?\s*+(?:\w++:\s)?)"
)
_FRAME = re.compile(
    r"\s*+(?:"
    r"at\s++(?=[^\s(]*+\()[\w$]++[.:/][\w.$<>/\[\]`~@+,:-]{1,200}+\("  # Java, C#
    r"|at\s++(?:async\s++|new\s++)?[\w.$<>/\[\]#-]{1,200}+(?:\s\[as\s[\w.$]++\])?"  # V8
    r"\s\((?:[^()\n]{0,250}:\d++\)|native\)|<anonymous>|eval\sat\s|index\s)"
    r"|at\s++(?:async\s++)?\S{0,200}?:\d++(?::\d++)?\)?\s*$"  # V8 without a name, Rust's place
    r"|\.\.\.\s\d++\s(?:more|common\sframes\somitted)"
    r"|Traceback\s\(most\srecent\scall\slast\)|During\shandling\sof\sthe\sabove\sexception"
    r"|File\s\"[^\"\n]{1,300}+\",\sline\s\d++"  # Python
    r"|[\w$.<>/*\[\]]{0,120}+@(?:https?|file|resource|chrome|moz-extension|app)://\S{1,300}?:\d++\s*$"  # Firefox
    r"|---\sEnd\sof\s(?:inner\sexception\s)?stack\strace"  # C#
    r"|goroutine\s\d++\s\[|created\sby\s[\w./*()]++|\S{1,250}?\.go:\d++(?:\s\+0x[0-9a-f]++)?\s*$"  # Go
    r"|[\w./*()-]{1,150}\((?:0x[0-9a-f]++|\{0x|\.\.\.|nil)[^\n]{0,200}\)\s*$"
    r"|stack\sbacktrace:|\d{1,4}+:\s++(?:0x[0-9a-f]++\s-\s|[\w<]++[\w<>&\s]{0,60}::)"  # Rust
    r"|note:\s(?:run\swith\s`?RUST_BACKTRACE|Some\sdetails\sare\somitted)"
    r"|(?:from\s)?\S{1,250}?:\d++:in\s[`']"  # Ruby
    r"|#\d{1,4}+\s++(?:0x[0-9a-f]++\s|<signal|\S{1,250}?\(\d++\):\s|\{main\}|\[internal\sfunction\]"  # gdb, ASan, PHP
    r"|(?:in\s)?[\w:~<>.]{1,200}+\s?\([^\n]{0,250}\)\s(?:at|from)\s|pc\s[0-9a-f]++)"
    r"|Stack\strace:\s*$|thrown\sin\s\S++\son\sline\s\d++"  # PHP
    r"|(?:at|by)\s0x[0-9A-F]{5,}+:\s"  # Valgrind
    r")"
)
_MESSAGE = re.compile(
    r"\s*+(?:"
    r"Caused\sby:\s|Exception\sin\sthread\s|(?:Fatal|Unhandled|Uncaught)\s(?:exception|error)\b"
    r"|(?:Uncaught\s|org\.|com\.|java\.)?(?:[A-Za-z_][\w$]*+(?:\.|::|\\))*+"
    r"[A-Z]\w{0,80}(?:Exception|Error|Exit|Interrupt|Warning)(?:\s\[\w++\])?(?::\s|\s*$)"
    r"|(?:Error|Exception):\s++\S"
    r"|panic:\s|thread\s'[^'\n]{0,80}+'\s(?:\(\d++\)\s)?panicked\sat\s"
    r"|PHP\s(?:Fatal|Parse)\s|FATAL\sEXCEPTION:|ERROR:\s\w{1,40}Sanitizer:|signal\s\d++\s\(SIG"
    r"|Program\sreceived\ssignal\s|\S{1,250}?:\d++:in\s[`'][^\n]{1,200}?['`]:\s[^\n]*\(\w*Error\)"
    r")"
)
_BARE_NAME = re.compile(r"[A-Za-z_][\w.]{2,100}+(?::\s|\s*$)")


class TraceReader:
    """Tells the lines of one text apart, read in their order."""

    def __init__(self) -> None:
        self._in_python = False
        self._source_follows = False

    def read_line(self, line: str) -> tuple[TraceLine, str]:
        """Return what the line is and the line without the mark of a log in front of it."""
        looked_at = line[:LOOKED_AT]
        prefix = _LOG_PREFIX.match(looked_at)
        logged = prefix is not None
        if prefix is not None:
            looked_at, line = looked_at[prefix.end() :], line[prefix.end() :]
        return self._tell(looked_at, logged=logged), line

    def _tell(self, line: str, *, logged: bool) -> TraceLine:
        source_follows, self._source_follows = self._source_follows, False
        if _MESSAGE.match(line):
            self._in_python = False
            return TraceLine.MESSAGE
        if _FRAME.match(line):
            start = line.lstrip()
            self._source_follows = start.startswith('File "')
            self._in_python = self._source_follows or start.startswith("Traceback")
            return TraceLine.FRAME
        if self._in_python and line[:1].isspace() and (source_follows or not line.strip(" \t^~")):
            return TraceLine.FRAME
        if self._in_python and _BARE_NAME.match(line):
            # Python ends a trace with the exception's name, whatever its suffix.
            self._in_python = False
            return TraceLine.MESSAGE
        self._in_python = self._in_python and not line.strip()
        return TraceLine.FRAME if logged else TraceLine.NONE
