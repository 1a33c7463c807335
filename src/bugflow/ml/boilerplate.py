"""Takes out what a tracker or its template wrote into a report, so that only the reporter speaks."""

import re

LOOKED_AT = 400
"""Characters of a line that are looked at: a template's lines are short, and start with what gives them away."""

_HEADINGS = frozenset(
    """
    steps to reproduce|how to reproduce|reproduction steps|to reproduce|reproduction|steps|str|steps for reproduction
    expected behavior|expected behaviour|expected result|expected results|expected|what should happen
    actual behavior|actual behaviour|actual result|actual results|actual|current behavior|current behaviour
    what did you expect to happen|what happened|what did you do|what did you see instead|what went wrong
    what did you expect to see|observed behavior|observed behaviour|observed results
    describe the bug|description|bug description
    issue description|problem|problem description|issue|summary|overview
    result|results|actual outcome|expected outcome|test steps|steps to test|associated helpdesk ticket
    test case|testcase|test code|code|minimal reproduction|sample code|code sample
    reproducible example|i tried this code
    environment|your environment|system information|versions|version information|meta|backtrace|stack trace
    screenshots|screenshot|logs|log|log output|relevant log output|console output|output|details|more details
    additional context|additional information|additional info|additional notes|notes|note|other information|context
    possible solution|possible fix|prerequisites|checklist|contact details|code of conduct
    are you willing to submit a pr
    instead, this happened|i expected to see this happen|describe the solution you'd like
    """.strip()
    .replace("\n", "|")
    .split("|")
)
_KNOWN_HEADINGS = frozenset(heading.strip() for heading in _HEADINGS)
_LONGEST_HEADING = max(map(len, _KNOWN_HEADINGS))
_HEADING_MARKS = re.compile(r"\s*+(?:#{2,6}+|#\s|h[1-6]\.\s?|={1,6}+|[*_]{1,3}+|\d{1,2}+[.)]\s)?[\s*_]*+")
_WHOLE_LINE = re.compile(
    r"\s*+(?:[*-]{1,3}+\s)?(?:"
    r"user-?agent:\s|build(?:\s(?:id|identifier|date))?:\s|reproducib(?:le|ility):\s|mozilla/\d\.\d\s\("
    r"|created\s(?:an\s)?attachment\s\d|\(from\supdate\sof\sattachment|(?:review|attachment)\s(?:of\s)?attachment\s\d"
    r"|(?:this\s)?(?:bug|issue|ticket)\s?[#\d\w-]{0,20}+\shas\sbeen\smarked\sas\sa\sduplicate"
    r"|this\s(?:bug|issue|ticket)\sis\sa\sdup(?:licate|e)?\sof\b"
    r"|(?:closed|closing|resolved|marked|marking)(?:\sthis)?\sas\s(?:a\s)?dup(?:licate|e)?\b"
    r"|(?:possible\s)?dup(?:licate|e)?\s(?:of|to)\s(?:bug|issue|ticket)?\s?[:#]?[\w-]*\d"
    r"|thanks\sfor\s(?:taking|filing|reporting|opening|contributing|your|helping|the\sreport)"
    r"|thank\syou\sfor\s(?:taking|filing|reporting|opening|contributing|your|helping)"
    r"|please\s(?:fill|make\ssure|complete\sthe|search\s(?:for\s)?existing|provide\sas\smuch|do\snot\sremove|check\sif)"
    r"|(?:\[x?\s?\]\s)?i\shave\s(?:searched|read|checked|verified)\s"
    r"|''\(please\sprovide\sadditional\sdetails|_?no\sresponse_?\s*$|<\/?details>|-{3,}+\s*$|={3,}+\s*$|[*]{3,}+\s*$"
    r")",
    re.IGNORECASE,
)
_BOX = re.compile(r"\s*+[-*+]\s++\[[ xX]?\]\s*+")
_PROMISE = re.compile(
    r"(?:i\b|i'|my\s|we\s|yes\b|no\b|this\s(?:is|issue|bug)\b|checked|searched|read\s|by\s(?:submitting|opening|filing)"
    r"|there\s(?:is|are)\sno|the\s(?:issue|bug)\s)",
    re.IGNORECASE,
)
_REPLY = re.compile(
    r"\(in reply to [^()\n]{0,120}+(?:\([^()\n]{0,80}+\)[^()\n]{0,60}+)?\)|^on .{4,120} wrote:\s*$", re.IGNORECASE
)


def strip_boilerplate(line: str) -> str:
    """Return what the reporter wrote of a line of prose: "" where all of it is a template's or a tracker's.

    A heading with text behind its colon leaves the text. Seen in templates and exports of GitHub, Jira, Bugzilla, Trac.
    """
    start = line[:LOOKED_AT]
    if line.lstrip(" \t").startswith(">") or _WHOLE_LINE.match(start):
        return ""
    box = _BOX.match(start)
    if box is not None:
        return "" if _PROMISE.match(start, box.end()) else line[box.end() :]
    if "(in reply" in start.lower() or start.rstrip().endswith("wrote:"):
        line = _REPLY.sub("", start) + line[LOOKED_AT:]
    return _strip_heading(line)


def _strip_heading(line: str) -> str:
    marks = _HEADING_MARKS.match(line)
    begin = marks.end() if marks is not None else 0
    head, colon, rest = line[begin : begin + _LONGEST_HEADING + 12].partition(":")
    if head.strip(" \t*_=#?.").casefold().replace("\u2019", "'") in _KNOWN_HEADINGS:
        if colon:
            return line[begin + len(head) + 1 :].strip(" \t*_")
        if len(line) <= begin + _LONGEST_HEADING + 12:
            return rest
    return line[begin:] if line[:begin].strip(" \t*_0123456789.)") else line
