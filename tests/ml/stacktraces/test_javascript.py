from bugflow.ml.stacktraces import Language, read_traces

V8 = """
Uncaught TypeError: Cannot read properties of undefined (reading 'total')
    at Cart.sum (webpack:///./src/cart.ts?a1b2:14:22)
    at async Promise.all (index 0)
    at async Object.checkout [as pay] (https://shop.example/static/app.3f2a1b9c.js?v=12:1:20345)
    at new Basket (/home/ci/app/node_modules/basket/index.js:8:3)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
    at https://shop.example/static/app.3f2a1b9c.js:1:99
"""


def test_frames_of_v8_are_read() -> None:
    (trace,) = read_traces(V8)

    assert trace.language is Language.JAVASCRIPT
    assert trace.exception == "TypeError"
    assert trace.message == "Cannot read properties of undefined (reading 'total')"
    assert [frame.function for frame in trace.frames] == [
        "sum",
        "all",
        "checkout",
        "Basket",
        "processTicksAndRejections",
        "",
    ]
    assert (trace.frames[0].module, trace.frames[0].line) == ("Cart", 14)
    assert trace.frames[2].file == "https://shop.example/static/app.3f2a1b9c.js?v=12"


def test_packages_and_the_engine_are_foreign() -> None:
    (trace,) = read_traces(V8)

    assert [frame.in_app for frame in trace.frames] == [True, False, True, False, False, True]
    assert trace.faulting is trace.frames[0]


def test_frames_of_firefox_and_safari_are_read() -> None:
    (trace,) = read_traces(
        "TypeError: this.items is undefined\n"
        "sum@https://shop.example/js/cart.js:14:22\n"
        "checkout/<@https://shop.example/js/cart.js:40:5\n"
        "async*pay@https://shop.example/js/pay.js:3:9\n"
        "forEach@[native code]\n"
        "global code@https://shop.example/js/cart.js:90:3\n"
        "@https://shop.example/js/main.js:1:1"
    )

    assert trace.exception == "TypeError"
    assert [frame.function for frame in trace.frames] == ["sum", "checkout", "pay", "forEach", "global code", ""]
    assert [frame.in_app for frame in trace.frames] == [True, True, True, False, True, True]


def test_an_address_of_mail_is_no_frame() -> None:
    assert read_traces("ann@example.org\nwrite to ann@example.org:1:2") == []


def test_the_cause_of_an_error_is_read() -> None:
    (trace,) = read_traces(
        "Error: cannot save\n    at Store.save (/app/lib/store.js:10:11)\n    at /app/server.js:5:3 {\n"
        "  [cause]: RangeError: too long\n      at check (/app/lib/check.js:2:9)\n}"
    )

    assert len(trace.frames) == 2
    assert [(cause.exception, cause.message) for cause in trace.causes] == [("RangeError", "too long")]
    assert trace.faulting is not None
    assert trace.faulting.function == "check"


def test_a_code_may_follow_the_type() -> None:
    (trace,) = read_traces("node:fs:1\n\nError [ERR_GONE]: gone\n    at open (/app/a.js:1:2)")

    assert (trace.exception, trace.message) == ("Error", "gone")


def test_bytecode_of_hermes_is_read() -> None:
    (trace,) = read_traces("TypeError: x\n    at sum (address at index.android.bundle:1:2345)")

    assert (trace.frames[0].function, trace.frames[0].file) == ("sum", "index.android.bundle")
