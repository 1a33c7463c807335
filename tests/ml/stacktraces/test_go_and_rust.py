from bugflow.ml.stacktraces import Language, read_traces

GO = """
panic: runtime error: index out of range [5] with length 3 [recovered]
	panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
github.com/acme/shop/cart.(*Cart).Item(...)
	/home/ci/shop/cart/cart.go:21
github.com/acme/shop/cart.(*Cart).Sum(0xc000012345, 0x5)
	/home/ci/shop/cart/cart.go:33 +0x1d
main.main.func1()
	/home/ci/shop/main.go:9 +0x25
created by net/http.(*Server).Serve in goroutine 18
	/usr/local/go/src/net/http/server.go:3089 +0x5ed

goroutine 7 [select]:
net/http.(*persistConn).readLoop(0xc0001)
	/usr/local/go/src/net/http/transport.go:2205 +0x985
exit status 2
"""
RUST = """
thread 'main' panicked at src/cart.rs:21:9:
index out of bounds: the len is 3 but the index is 5
stack backtrace:
   0: rust_begin_unwind
             at /rustc/90c541806f23a127002de5b4038be731ba1458ca/library/std/src/panicking.rs:578:5
   1: core::panicking::panic_fmt
   2: shop::cart::Cart<T>::item::{{closure}}
             at ./src/cart.rs:21:9
   3: <shop::cart::Cart<T> as shop::Sum>::sum::h0123456789abcdef
             at ./src/cart.rs:33:5
   4: core::ops::function::FnOnce::call_once
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
"""


def test_a_frame_of_go_has_function_and_place_on_two_lines() -> None:
    trace, other = read_traces(GO)

    assert trace.language is Language.GO
    assert (trace.exception, trace.message) == (None, "runtime error: index out of range [5] with length 3")
    assert [frame.function for frame in trace.frames] == [
        "(*Cart).Item",
        "(*Cart).Sum",
        "main.func1",
        "(*Server).Serve",
    ]
    assert trace.frames[0].module == "github.com/acme/shop/cart"
    assert (trace.frames[1].file, trace.frames[1].line) == ("/home/ci/shop/cart/cart.go", 33)
    assert [frame.in_app for frame in trace.frames] == [True, True, True, False]
    assert (other.message, other.faulting) == ("", None)


def test_a_fatal_error_of_go_is_read() -> None:
    (trace,) = read_traces(
        "fatal error: all goroutines are asleep - deadlock!\n\n"
        "goroutine 1 [chan receive]:\nmain.main()\n\t/a/main.go:5 +0x1"
    )

    assert trace.message == "all goroutines are asleep - deadlock!"


def test_a_panic_of_rust_is_read_with_its_frames() -> None:
    (trace,) = read_traces(RUST)

    assert trace.language is Language.RUST
    assert (trace.exception, trace.message) == (None, "index out of bounds: the len is 3 but the index is 5")
    assert [frame.function for frame in trace.frames] == [
        "rust_begin_unwind",
        "panic_fmt",
        "item::{{closure}}",
        "sum",
        "call_once",
    ]
    assert [frame.in_app for frame in trace.frames] == [False, False, True, True, False]
    assert trace.faulting is not None
    assert (trace.faulting.file, trace.faulting.line) == ("./src/cart.rs", 21)


def test_a_panic_of_rust_without_frames_says_where_it_was() -> None:
    (trace,) = read_traces(
        "thread 'main' panicked at 'called `Option::unwrap()` on a `None` value', src/main.rs:2:5\n"
        "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"
    )

    assert trace.message == "called `Option::unwrap()` on a `None` value"
    assert [(frame.file, frame.line) for frame in trace.frames] == [("src/main.rs", 2)]


def test_addresses_in_frames_of_rust_are_left_out() -> None:
    (trace,) = read_traces(
        "stack backtrace:\n   0:     0x55d1a3b0f1a0 - std::sys_common::backtrace::print::h0123456789abcdef\n"
        "   1:     0x55d1a3b0f1b0 - shop::cart::sum::habcdef0123456789\n"
        "                               at /home/ci/shop/src/cart.rs:3\n   2:     0x7f0000000000 - <unknown>"
    )

    assert [(frame.module, frame.function) for frame in trace.frames] == [
        ("std::sys_common::backtrace", "print"),
        ("shop::cart", "sum"),
        ("", "<unknown>"),
    ]
    assert [frame.in_app for frame in trace.frames] == [False, True, False]
