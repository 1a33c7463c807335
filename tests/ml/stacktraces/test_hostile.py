import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.ml.stacktraces import fingerprint, read_traces, similarity
from bugflow.ml.stacktraces.lines import MOST_CHARACTERS, split_lines
from bugflow.ml.stacktraces.reading import MOST_CAUSES, MOST_FRAMES, MOST_TRACES

PIECES = st.sampled_from(
    [
        *(
            "at ",
            "a.b.C.d",
            "(E.java:12)",
            "(",
            ")",
            "\n",
            "\n\t",
            "Caused by: ",
            "java.io.IOException: ",
            "... 3 more",
        ),
        *("Suppressed: ", "Traceback (most recent call last):\n", '  File "a.py", line 3, in b\n', "ValueError: x"),
        *("During handling of the above exception", "x (http://a/b.js:1:2)", "f@http://a/b.js:1:2", " ---> "),
        *("--- End of inner exception stack trace ---", " in C:\\a.cs:line 3", "panic: ", "goroutine 1 [running]:\n"),
        *("main.run(0x1)\n\t/a/b.go:12 +0x1\n", "thread 'a' panicked at 'b', c.rs:1:2\n", "stack backtrace:\n"),
        *("  1: 0x1 - a::b::h0123456789abcdef\n", "   at /a.rs:1", "a.rb:1:in `b'", ": c (D)\n", "#0 /a.php(3): b()\n"),
        *("Next A: b in /c.php:1", "#1 0x12 in f (a=1) at b.c:3\n", "==1== ", "> ", "{code}", "```\n", "E/A( 1): "),
        *("3   Notes  0x000000010a2b3c4d f + 1\n", "Thread 0 Crashed:\n", "a!b+0x1\n", "signal 11 (SIGSEGV)\n"),
        *("\u00e9", "\x00", "&lt;", "<br>", "\ud83d"),
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_text_is_read_and_always_the_same(text: str) -> None:
    traces = read_traces(text)

    assert traces == read_traces(text)
    for trace in traces:
        assert sum(len(part.frames) for part in trace.chain) > 0
        assert all(not cause.causes for cause in trace.causes)
        assert similarity(fingerprint(trace), fingerprint(trace)) in {0.0, 1.0}


@given(st.text(max_size=300))
def test_any_characters_are_read(text: str) -> None:
    read_traces(text)


@pytest.mark.parametrize(
    "text",
    [
        "> " * 50_000,
        "[ERROR] " * 20_000,
        "at a.b(" * 20_000,
        "a." * 50_000 + "Exception",
        "at " + "(" * 100_000,
        "<" * 100_000,
        "`" * 100_000,
        'File "' * 20_000,
        " ---> " * 20_000,
        "x" + "\t" * 100_000 + "y",
        "1" * 100_000,
    ],
)
def test_long_lines_hold_no_trace(text: str) -> None:
    assert read_traces(text) == []


def test_only_so_much_of_a_line_is_looked_at() -> None:
    assert all(len(line) <= MOST_CHARACTERS for line in split_lines("a" * 100_000 + "\n" + "> a" * 50_000))


def test_only_so_many_frames_are_kept_and_those_are_the_innermost() -> None:
    java = "java.lang.Error\n" + "".join(f"\tat a.B.c(D.java:{line})\n" for line in range(1, 2000))
    python = "Traceback (most recent call last):\n" + "".join(
        f'  File "a", line {line}, in b\n' for line in range(1, 2000)
    )

    (first,) = read_traces(java)
    (second,) = read_traces(python)

    assert (len(first.frames), first.frames[0].line) == (MOST_FRAMES, 1)
    assert (len(second.frames), second.frames[0].line) == (MOST_FRAMES, 1999)


def test_only_so_many_traces_and_causes_are_read() -> None:
    trace = "java.lang.Error: x\n\tat a.B.c(D.java:1)\n"

    assert len(read_traces(trace * 500)) == MOST_TRACES
    (chained,) = read_traces(trace + "Caused by: a.B: c\n\tat a.B.c(D.java:1)\n" * 500)
    assert len(chained.causes) == MOST_CAUSES
