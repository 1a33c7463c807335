import pytest

from bugflow.ml.stacktraces import StackTrace, read_traces

PLAIN = (
    "java.io.IOException: gone\n\tat shop.Cart.sum(Cart.java:33)\n\tat shop.Cart.<init>(Cart.java:7)\n"
    "\tat shop.Main.main(Main.java:4)"
)


def read_one(text: str) -> StackTrace:
    (trace,) = read_traces(text)
    return trace


@pytest.mark.parametrize(
    "block",
    [
        "It fails:\n```java\n{}\n```\nAlways.",
        "~~~\n{}\n~~~",
        "{{code:title=log|borderStyle=solid}}\n{}\n{{code}}",
        "{{noformat}}{}{{noformat}}",
        "{{{{{{\n{}\n}}}}}}",
        "<pre>{}</pre>",
        "{{color:red}}{}{{color}}",
    ],
)
def test_marks_of_blocks_do_not_matter(block: str) -> None:
    assert read_one(block.format(PLAIN)) == read_one(PLAIN)


@pytest.mark.parametrize(
    "prefix",
    [
        "> ",
        "> > ",
        "    ",
        "[ERROR] ",
        "[INFO] [ERROR] ",
        "     [java] ",
        "W/System.err( 1234): ",
        "W/System.err: ",
        "07-02 18:12:38.496: ERROR/Shop(9697): ",
        "2020-01-02T03:04:05.678Z ",
        "Jan  2 03:04:05 host shop[12]: ",
        "web_1  | ",
    ],
)
def test_a_prefix_on_each_line_does_not_matter(prefix: str) -> None:
    assert read_one("\n".join(prefix + line for line in PLAIN.split("\n"))) == read_one(PLAIN)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("\n", "\r\n"),
        ("\n", "\n\n"),
        ("\n", "<br>\n"),
        ("\n\t", " "),
        ("<init>", "&lt;init&gt;"),
        ("<init>", ""),
        ("\tat", "at"),
        ("\tat", "  *  at"),
        ("\tat ", "at\n"),
        ("(Cart.java", "(Cart\n.java"),
        ("(Cart.java", "\n(Cart.java"),
        (".sum(", ".sum ("),
        ("\n", "\u21a9\n"),
        ("\n", " \n"),
    ],
)
def test_what_trackers_do_to_lines_is_undone(written: str, meant: str) -> None:
    assert read_one(PLAIN.replace(written, meant)) == read_one(PLAIN)


def test_a_frame_of_v8_that_a_terminal_broke_is_joined() -> None:
    trace = read_one(
        "Error: x\n    at box.run (C:\\Users\\ann\\shop\\no\nde_modules\\box.js:3:4)\n    at a (/b.js:1:2)"
    )

    assert [frame.file for frame in trace.frames] == ["C:\\Users\\ann\\shop\\node_modules\\box.js", "/b.js"]


def test_frames_of_python_on_one_line_are_read() -> None:
    trace = read_one(
        'Error: Traceback (most recent call last): File "a.py", line 3, in a\n'
        'go() File "b.py", line 4, in b\nSystemExit: 1'
    )

    assert (trace.exception, [frame.function for frame in trace.frames]) == ("SystemExit", ["b", "a"])


def test_lines_of_a_log_between_frames_do_not_part_a_trace() -> None:
    text = PLAIN.replace("\tat shop.Main", "10:00 another thread says something\n\tat shop.Main")

    assert read_one(text) == read_one(PLAIN)


def test_traces_of_several_languages_are_read_in_their_order() -> None:
    python = 'Traceback (most recent call last):\n  File "a.py", line 3, in a\n    go()\nValueError: x'

    traces = read_traces(f"First\n{PLAIN}\n\nand then\n\n{python}\n\nand again\n{PLAIN}")

    assert [trace.exception for trace in traces] == ["java.io.IOException", "ValueError", "java.io.IOException"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It hangs when I click at the top (see the picture)",
        "java.io.IOException: gone",
        "Call run(x) at 10:30, then look at https://shop.example/a.js:1:2 please",
        "1: first\n2: second\n3: a third",
        "#12 and #13 are the same",
        "Look in Cart.java:33 and in cart.py:12",
        "for (int i = 0; i < n; i++) { cart.sum(i); }",
        "ann@example.org wrote: see a.b.C.d(e)",
        "@Override\npublic void run() {}",
    ],
)
def test_sentences_and_code_are_no_traces(text: str) -> None:
    assert read_traces(text) == []
