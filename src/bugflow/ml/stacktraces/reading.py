"""Finds the stack traces in a report's text."""

from collections import deque
from dataclasses import dataclass, field

from bugflow.ml.stacktraces.apple import APPLE
from bugflow.ml.stacktraces.dotnet import DOTNET
from bugflow.ml.stacktraces.go import GO
from bugflow.ml.stacktraces.grammar import Found, Grammar, Head, Link, Section
from bugflow.ml.stacktraces.javascript import JAVASCRIPT
from bugflow.ml.stacktraces.jvm import JVM
from bugflow.ml.stacktraces.lines import split_lines
from bugflow.ml.stacktraces.model import StackTrace
from bugflow.ml.stacktraces.native import NATIVE
from bugflow.ml.stacktraces.php import PHP
from bugflow.ml.stacktraces.python import PYTHON
from bugflow.ml.stacktraces.ruby import RUBY
from bugflow.ml.stacktraces.rust import RUST

MOST_TRACES = 20
"""Of a text that are read."""
MOST_FRAMES = 200
"""Of a failure that are kept: the innermost ones."""
MOST_CAUSES = 20
"""Of a trace that are kept."""

_GRAMMARS = (PYTHON, JVM, JAVASCRIPT, DOTNET, PHP, RUST, GO, RUBY, APPLE, NATIVE)
_REMEMBERED = 60
"""Lines above a trace that are remembered, since they may say what went wrong."""
_MOST_BETWEEN = 3
"""Lines that may stand between two frames of one trace, such as those of a log that another thread wrote."""
_BEGINNINGS = frozenset({Link.START, Link.THREAD, Link.BYSTANDER})
_LONGEST_MESSAGE = 2000
_MOST_MESSAGE_LINES = 10


def read_traces(text: str) -> list[StackTrace]:
    """Return the stack traces in a text in their order, at most `MOST_TRACES`.

    Any text is possible; it may hold marks of a tracker, quotes and prefixes of logs. The time is linear in its length.
    """
    reader = _Reader()
    for line in split_lines(text):
        reader.read(line)
        if len(reader.traces) >= MOST_TRACES:
            break
    reader.close()
    return reader.traces[:MOST_TRACES]


@dataclass(slots=True)
class _Draft:
    """A trace that is being read: its failures from the outer to the root, and which of them the frames are of."""

    grammar: Grammar
    sections: list[Section]
    current: int = 0
    side_indent: int = 0

    @property
    def section(self) -> Section:
        return self.sections[self.current]

    def open_cause(self, head: Head, *, side: bool = False) -> None:
        full = len(self.sections) > MOST_CAUSES
        if not (full and self.sections[-1].side):
            self.sections.append(Section(head.exception, head.message, side=side or full))
        self.current = len(self.sections) - 1

    def open_outer(self, head: Head) -> None:
        if len(self.sections) <= MOST_CAUSES:
            self.sections.insert(0, Section(head.exception, head.message))
            self.current = 0

    def finish(self) -> StackTrace:
        traces = [self._finish_section(section) for section in self.sections if not section.side]
        outer, *causes = traces
        return StackTrace(outer.language, outer.exception, outer.message, outer.frames, tuple(causes))

    def _finish_section(self, section: Section) -> StackTrace:
        frames = reversed(section.frames) if section.outermost_first else section.frames
        message = section.message[:_LONGEST_MESSAGE]
        return StackTrace(self.grammar.language, section.exception or None, message, tuple(frames))


@dataclass(slots=True)
class _Reader:
    traces: list[StackTrace] = field(default_factory=list)
    draft: _Draft | None = None
    above: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    """The lines since the last one that belongs to a trace."""
    between: int = 0
    """How many of them say something, at most since the last frame."""
    last: str = ""
    """The last line that says something."""
    unclaimed: list[Section] = field(default_factory=list)
    """What failed in a thread that is not read yet."""

    def read(self, line: str) -> None:
        """Read the next line."""
        if not self._take(line):
            self.above.append(line)
            self.between += bool(line.strip())
        if line.strip():
            self.last = line

    def close(self) -> None:
        """End the trace that is being read."""
        if self.draft is not None:
            self.traces.append(self.draft.finish())
            self.draft = None

    def _take(self, line: str) -> bool:
        draft = self.draft
        if draft is not None and self.between <= _MOST_BETWEEN and draft.grammar.follow(draft.section, line, self.last):
            self._forget()
            return True
        if self._take_frame(line):
            return True
        return draft is not None and self.between <= _MOST_BETWEEN and self._take_mark(draft, line)

    def _forget(self) -> None:
        self.above.clear()
        self.between = 0

    def _take_frame(self, line: str) -> bool:
        if not line.strip():
            return False
        opened = self.draft.grammar if self.draft is not None else None
        if opened is not None:
            found = opened.find_frame(line, self.last, True)
            if found is not None:
                self._add(opened, found)
                return True
        for grammar in _GRAMMARS:
            if grammar is not opened:
                found = grammar.find_frame(line, self.last, False)
                if found is not None:
                    self._add(grammar, found)
                    return True
        return False

    def _take_mark(self, draft: _Draft, line: str) -> bool:
        """Take a line below frames that names a cause or says nothing."""
        heads = draft.grammar.find_heads(line) if line.strip() else ()
        if not heads or heads[0].link in _BEGINNINGS | {Link.OUTER}:
            return False
        if all(head.link is Link.NOTHING for head in heads):
            return True
        indent = len(line) - len(line.lstrip())
        for head in heads:
            if head.link is Link.CAUSE:
                draft.open_cause(head, side=draft.section.side and 0 < draft.side_indent <= indent)
            elif head.link is Link.SIDE:
                draft.side_indent = indent
                draft.open_cause(head, side=True)
            elif head.link is Link.BACK:
                draft.current = max(0, draft.current - 1)
        self._forget()
        return True

    def _add(self, grammar: Grammar, found: Found) -> None:
        for _ in range(min(found.lines_before, len(self.above))):
            self.between -= bool(self.above.pop().strip())
        self._open(grammar, found)
        self._forget()
        if self.draft is None:
            return
        section = self.draft.section
        if section.provisional:
            section.frames.clear()
        section.provisional = found.provisional
        section.outermost_first = section.outermost_first or found.outermost_first
        if len(section.frames) < MOST_FRAMES:
            section.frames.append(found.frame)
        elif section.outermost_first:
            del section.frames[0]
            section.frames.append(found.frame)

    def _open(self, grammar: Grammar, found: Found) -> None:
        """Make sure that a trace is open that the frame belongs to."""
        draft, head = self.draft, found.head
        if draft is not None and draft.grammar is grammar:
            section = draft.section
            if head is not None and section.outermost_first and section.exception is None:
                section.exception, section.message = head.exception, head.message
                return
            if head is not None and not found.provisional and section.exception and not self.between:
                draft.open_cause(head)
                return
            if head is None and not self._starts_anew(draft, found):
                return
        self.close()
        self.draft = _Draft(grammar, [Section(head.exception, head.message)] if head is not None else [])
        if head is None:
            self.draft.sections = self._find_failing(grammar)
            self.draft.current = len(self.draft.sections) - 1

    def _starts_anew(self, draft: _Draft, found: Found) -> bool:
        """Tell whether the lines since the last frame begin another trace; what they say of this one is kept."""
        heads = [head for line in self.above for head in draft.grammar.find_heads(line)]
        outer = next((head for head in heads if head.link is Link.OUTER), None)
        if outer is not None:
            draft.open_outer(outer)
            return False
        if any(head.link in _BEGINNINGS for head in heads) or draft.section.ended:
            return True
        section = draft.section
        if section.frames and not section.provisional:
            return found.number == 0 or self.between > _MOST_BETWEEN
        if draft.grammar.joins_message:
            section.message = _join_message(section.message, self.above)
        return False

    def _find_failing(self, grammar: Grammar) -> list[Section]:
        """Return what failed, which is kept for a thread below where this one only stood by."""
        sections = self._find_start(grammar)
        links = {head.link for line in self.above for head in grammar.find_heads(line)}
        if Link.BYSTANDER in links:
            self.unclaimed = self.unclaimed or (sections if sections[-1] != Section() else [])
            return [Section()]
        if Link.THREAD in links and self.unclaimed and sections == [Section()]:
            sections, self.unclaimed = self.unclaimed, []
        return sections

    def _find_start(self, grammar: Grammar) -> list[Section]:
        """Return the failures that the lines above the first frame name, the outer one first."""
        lines = list(self.above)
        sections: list[Section] = []
        said = 0
        for position in range(len(lines) - 1, -1, -1):
            if not lines[position].strip():
                continue
            said += 1
            if said > grammar.looks_back:
                break
            heads = [
                head
                for head in grammar.find_heads(lines[position])
                if head.link in {Link.START, Link.CAUSE, Link.OUTER} and (head.stands_first or said <= _MOST_BETWEEN)
            ]
            if not heads:
                continue
            found = [Section(head.exception, head.message) for head in heads]
            if grammar.joins_message and not sections:
                found[-1].message = _join_message(found[-1].message, lines[position + 1 :])
            sections = found + sections
            if heads[0].link is not Link.CAUSE:
                break
        return sections or [Section()]


def _join_message(message: str, lines: list[str] | deque[str]) -> str:
    """Return the message with the lines that go on with it, up to an empty one."""
    parts = [message]
    for line in lines:
        if not line.strip() or len(parts) > _MOST_MESSAGE_LINES:
            break
        parts.append(line.strip())
    return "\n".join(part for part in parts if part)
