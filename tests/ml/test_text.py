from time import process_time

import pytest

from bugflow.ml.text import CleanText, clean_report, is_long_enough


def prose(description: str) -> str:
    return clean_report("", description).prose


def traces(description: str) -> list[str]:
    return clean_report("", description).traces.splitlines()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<p>It <b>fails</b> &amp; hangs.</p>", "It fails & hangs."),
        ("when a < b && c > d it fails", "when a < b && c > d it fails"),
        ("when a <b && c> d it fails", "when a <b && c> d it fails"),
        ("A List<String> is lost", "A List<String> is lost"),
        ("Before <!-- say what\n```\nyou did --> after", "Before after"),
        ("See [the page](https://example.org/a?b=c) now", "See the page now"),
        ("See [the page|https://example.org/a] now", "See the page now"),
        ("See [https://example.org/a the page] now", "See the page now"),
        ("See https://example.org/a?b=c now", "See now"),
        ("Ask ann@example.org now", "Ask now"),
        ("Call `open` and {{close}} in {color:red}red{color}", "Call open and close in red"),
        ("e\u0301te\u0301 \ufb01n x\u00b2", "\u00e9t\u00e9 \ufb01n x\u00b2"),
        ("in\u200bvisi\x00ble\ufeff", "invisible"),
        ("too   many\t spaces\r\n\r\n\r\nand lines", "too many spaces\nand lines"),
        ("> You said so\nNo, I did not", "No, I did not"),
    ],
)
def test_markup_goes_and_words_stay(written: str, read: str) -> None:
    assert prose(written).split() == read.split()


@pytest.mark.parametrize(
    "line",
    [
        "### Steps to reproduce",
        "h2. Steps to Reproduce:",
        "h5.Actual Result",
        "**Expected behavior**",
        "Actual Results:",
        "== Environment ==",
        "- [ ] I have searched the existing issues",
        "- [x] This is not a duplicate",
        "Thanks for taking the time to fill out this bug report!",
        "User-Agent:       Mozilla/5.0 (X11; U; Linux i686) Gecko/20061025",
        "Build Identifier: 1.5.0.7",
        "Reproducible: Always",
        "Created attachment 123",
        "(In reply to comment #3)",
        "(In reply to A. Person (:nick) from comment #3)",
        "This bug has been marked as a duplicate of bug 123",
        "*** This bug has been marked as a duplicate of 123 ***",
        "*** Bug 77 has been marked as a duplicate of this bug. ***",
        "Duplicate of #123",
    ],
)
def test_what_a_template_or_tracker_wrote_is_left_out(line: str) -> None:
    assert prose(f"It hangs.\n{line}\nAlways so.") == "It hangs.\nAlways so."


def test_text_behind_a_heading_stays() -> None:
    assert prose("Expected Results: it opens\nactual: it hangs") == "it opens\nit hangs"


def test_a_sentence_that_begins_like_a_heading_stays() -> None:
    assert prose("Steps to reproduce are not known") == "Steps to reproduce are not known"


@pytest.mark.parametrize(
    "block",
    [
        "```python\n{}\n```",
        "~~~\n{}\n~~~",
        "````\n{}\n````",
        "{{code:java}}\n{}\n{{code}}",
        "{{noformat}}{}{{noformat}}",
        "{{{{{{\n{}\n}}}}}}",
        "<pre>{}</pre>",
    ],
)
def test_code_is_set_apart(block: str) -> None:
    text = clean_report("", "Before\n" + block.format("x = find(<!-- y -->)") + "\nafter")

    assert text.code.strip() == "x = find(<!-- y -->)"
    assert text.prose == "Before\nafter"


def test_an_indented_block_after_a_blank_line_is_code() -> None:
    text = clean_report("", "Before\n\n    if x:\n        go()\nafter\n    on the same sentence")

    assert text.code == "    if x:\n        go()"
    assert text.prose == "Before\nafter\non the same sentence"


def test_a_jira_block_that_is_never_closed_takes_no_prose_away() -> None:
    assert prose("Before {code} after\nand more") == "Before after\nand more"


def test_a_fence_that_is_never_closed_lasts_to_the_end() -> None:
    assert clean_report("", "Before\n```\nx = 1") == CleanText(title="", prose="Before", code="x = 1", traces="")


def test_the_second_paragraph_of_a_list_item_is_prose() -> None:
    assert prose("1. Open it\n\n    It hangs") == "1. Open it\nIt hangs"


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        (
            "java.lang.IllegalStateException: no port\n\tat a.B$C.run(B.java:12)\n\tat a.B.go(B.java)\n\t... 2 more",
            "java.lang.IllegalStateException: no port",
        ),
        (
            'Traceback (most recent call last):\n  File "a.py", line 3, in a\n    go()\n    ^^^\nValueError: no port',
            "ValueError: no port",
        ),
        (
            "TypeError: x is not a function\n    at run (/a/b.js:1:2)\n    at async go (b.js:3:4)\n    at b.js:3:4",
            "TypeError: x is not a function",
        ),
        ("Error: no port\nrun@https://example.org/a.js:1:2\n@resource://a.js:3:4", "Error: no port"),
        (
            (
                "System.ArgumentException: no port\n   at A.B.Run(String x) in C:\\a\\B.cs:line 3\n"
                "   --- End of inner exception stack trace ---"
            ),
            "System.ArgumentException: no port",
        ),
        (
            "panic: no port\ngoroutine 1 [running]:\nmain.run(0x1, 0x2)\n\t/a/main.go:12 +0x1d",
            "panic: no port",
        ),
        (
            (
                "thread 'main' panicked at 'no port', a.rs:2:5\nstack backtrace:\n   0: core::panicking::panic\n"
                "             at /rustc/a.rs:3:4"
            ),
            "thread 'main' panicked at 'no port', a.rs:2:5",
        ),
        (
            "a.rb:12:in `run': no port (ArgumentError)\n\tfrom a.rb:14:in `go'",
            "a.rb:12:in run': no port (ArgumentError)",
        ),
        (
            "PHP Fatal error: no port\nStack trace:\n#0 /b.php(12): run()\n#1 {main}\n  thrown in /a/b.php on line 12",
            "PHP Fatal error: no port",
        ),
        (
            "Program received signal SIGSEGV\n#0  0x0000555 in run (x=1) at a.c:1\n#1  go (x=1) at a.c:2",
            "Program received signal SIGSEGV",
        ),
        (
            "==12==ERROR: AddressSanitizer: heap-use-after-free\n    #0 0x4a in run a.c:1\n    #1 0x4b in go a.c:2",
            "ERROR: AddressSanitizer: heap-use-after-free",
        ),
        (
            (
                "E/AndroidRuntime(  765): java.lang.NullPointerException: no port\n"
                "E/AndroidRuntime(  765): \tat org.a.B.run(B.java:12)\nW/dalvikvm(  765): threadid=1: exiting"
            ),
            "java.lang.NullPointerException: no port",
        ),
    ],
    ids=["Java", "Python", "V8", "Firefox", "C#", "Go", "Rust", "Ruby", "PHP", "gdb", "ASan", "logcat"],
)
def test_a_trace_is_set_apart_and_its_message_stays_in_the_prose(trace: str, message: str) -> None:
    text = f"It fails:\n{trace}\nSince today."

    assert prose(text) == f"It fails:\n{message}\nSince today."
    assert traces(text) == [line.strip() for line in trace.splitlines()]
    assert traces(f"It fails:\n```\n{trace}\n```") == traces(text)


@pytest.mark.parametrize(
    "sentence",
    [
        "at least (I think) it opens",
        "At noon (local time) it hangs",
        "from the menu it opens",
        "Error handling is poor here",
        "#12 is like it",
        "foo(bar) does nothing",
    ],
)
def test_a_sentence_is_no_trace(sentence: str) -> None:
    assert prose(sentence) == sentence
    assert traces(sentence) == []


def test_a_title_is_one_line_without_markup() -> None:
    assert clean_report(" <b>Crash</b>\non &quot;Open&quot; ", "").title == 'Crash on "Open"'


def test_title_and_prose_together_must_be_long_enough() -> None:
    assert is_long_enough(CleanText(title="x" * 10, prose="y" * 10, code="", traces=""))
    assert not is_long_enough(CleanText(title="x" * 10, prose="y" * 9, code="z" * 90, traces="z"))
    assert is_long_enough(CleanText(title="abc", prose="", code="", traces=""), least=3)


@pytest.mark.parametrize(
    "piece",
    [
        *[
            "<",
            "`",
            "#",
            "at a.b(",
            "[",
            "[a](",
            "{",
            "{code}",
            "{code:",
            "{{{\n",
            "<!--",
            "```\n",
            "```",
            "~",
            "<b a ",
        ],
        *[
            "a@",
            "&",
            "> ",
            "(in reply to ",
            "*",
            "1",
            "A::",
            "a.b:1",
            " ",
            "\t",
            "\n    x",
            "at \t",
            "\u0301",
            "\u0301\u0316",
            "a",
        ],
    ],
)
def test_a_megabyte_of_hostile_text_takes_linear_time(piece: str) -> None:
    hostile = piece * (1_000_000 // len(piece))
    started = process_time()

    clean_report("", hostile)

    # Quadratic work on a million characters would take hours; this leaves room for a slow machine.
    assert process_time() - started < 20
