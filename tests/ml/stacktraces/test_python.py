from bugflow.ml.stacktraces import Language, read_traces

CHAINED = """
Traceback (most recent call last):
  File "/srv/app/shop/orders.py", line 12, in load
    return cache[key]
           ~~~~~^^^^^
KeyError: 'order-9'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/app/run.py", line 3, in <module>
    main()
  File "/srv/venv/lib/python3.11/site-packages/click/core.py", line 1130, in __call__
    return self.main(*args, **kwargs)
  File "/srv/app/shop/orders.py", line 14, in load
    raise OrderMissing(key)
shop.errors.OrderMissing: order-9 is gone
"""


def test_the_innermost_call_comes_first() -> None:
    (trace,) = read_traces(CHAINED)

    assert trace.language is Language.PYTHON
    assert (trace.exception, trace.message) == ("shop.errors.OrderMissing", "order-9 is gone")
    assert [frame.function for frame in trace.frames] == ["load", "__call__", "<module>"]
    assert [frame.in_app for frame in trace.frames] == [True, False, True]


def test_what_was_handled_is_the_cause() -> None:
    (trace,) = read_traces(CHAINED)

    assert [(cause.exception, cause.message) for cause in trace.causes] == [("KeyError", "'order-9'")]
    assert trace.faulting is not None
    assert (trace.faulting.file, trace.faulting.line) == ("/srv/app/shop/orders.py", 12)


def test_a_direct_cause_is_one_too() -> None:
    text = CHAINED.replace(
        "During handling of the above exception, another exception occurred:",
        "The above exception was the direct cause of the following exception:",
    )

    assert [cause.exception for cause in read_traces(text)[0].causes] == ["KeyError"]


def test_an_error_of_syntax_has_a_place_without_function() -> None:
    (trace,) = read_traces('  File "conf.py", line 3\n    port = = 80\n           ^\nSyntaxError: invalid syntax')

    assert (trace.exception, trace.message) == ("SyntaxError", "invalid syntax")
    assert [(frame.file, frame.line, frame.function) for frame in trace.frames] == [("conf.py", 3, "")]


def test_a_type_may_have_any_name() -> None:
    (trace,) = read_traces('Traceback (most recent call last):\n  File "a.py", line 3, in a\n    go()\nGone: away')

    assert (trace.exception, trace.message) == ("Gone", "away")


def test_a_trace_may_have_lost_its_end_and_its_indent() -> None:
    (trace,) = read_traces(
        'Traceback (most recent call last):\nFile "a.py", line 3, in a\ngo()\nFile "b.py", line 4, in b'
    )

    assert trace.exception is None
    assert [frame.function for frame in trace.frames] == ["b", "a"]


def test_two_traces_are_two() -> None:
    one = 'Traceback (most recent call last):\n  File "a.py", line 3, in a\nValueError: x\n'

    assert [trace.exception for trace in read_traces(one + one)] == ["ValueError", "ValueError"]


def test_repeated_lines_are_no_frames() -> None:
    (trace,) = read_traces(
        'Traceback (most recent call last):\n  File "a.py", line 3, in a\n    a()\n'
        "  [Previous line repeated 996 more times]\nRecursionError: maximum recursion depth exceeded"
    )

    assert (trace.exception, len(trace.frames)) == ("RecursionError", 1)


def test_the_standard_library_and_packages_are_foreign() -> None:
    paths = [
        "/usr/lib/python3.11/json/decoder.py",
        "C:\\Python311\\Lib\\json\\decoder.py",
        "<frozen importlib._bootstrap>",
    ]
    text = "Traceback (most recent call last):\n" + "".join(f'  File "{path}", line 3, in a\n' for path in paths)

    (trace,) = read_traces(text + "ValueError: x")

    assert [frame.in_app for frame in trace.frames] == [False, False, False]
    assert trace.faulting is None
