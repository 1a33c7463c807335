import pytest

from bugflow.ml.stacktraces import Language, read_traces

CHAINED = """
Exception in thread "main" shop.cart.CheckoutException: Cannot place order 4711
	at shop.cart.Checkout.place(Checkout.java:42)
	at shop.cart.Checkout.lambda$submit$3(Checkout.java:57)
	at java.base/java.util.concurrent.FutureTask.run(FutureTask.java:264)
	Suppressed: java.io.IOException: Stream closed
		at shop.io.Pipe.close(Pipe.java:12)
		... 3 more
	Caused by: java.lang.Error: of what was suppressed
		... 4 more
Caused by: java.sql.SQLException: no route to db-3:5432
	at shop.db.Pool.open(Pool.java:31) ~[shop.jar:1.2]
	... 4 common frames omitted
Caused by: java.net.ConnectException
	at java.base/sun.nio.ch.Net.connect0(Native Method)
	at shop.net.Wire.<init>(Wire.java:7)
	... 6 more
"""


def test_a_chain_of_causes_is_read_down_to_its_root() -> None:
    (trace,) = read_traces(CHAINED)

    assert trace.language is Language.JVM
    assert (trace.exception, trace.message) == ("shop.cart.CheckoutException", "Cannot place order 4711")
    assert [frame.function for frame in trace.frames] == ["place", "lambda$submit$3", "run"]
    assert [cause.exception for cause in trace.causes] == ["java.sql.SQLException", "java.net.ConnectException"]
    assert trace.causes[0].message == "no route to db-3:5432"
    assert trace.root.frames[1].module == "shop.net.Wire"
    assert trace.chain == (trace.causes[1], trace.causes[0], trace)


def test_the_run_time_is_not_the_projects_own_code() -> None:
    (trace,) = read_traces(CHAINED)

    assert [frame.in_app for frame in trace.frames] == [True, True, False]
    assert trace.faulting is not None
    assert (trace.faulting.function, trace.faulting.file, trace.faulting.line) == ("<init>", "Wire.java", 7)


def test_the_fault_is_sought_further_outside_where_the_root_has_no_own_code() -> None:
    (trace,) = read_traces(
        "a.B: c\n\tat a.B.run(B.java:2)\nCaused by: java.lang.NullPointerException\n\tat java.util.Map.of(Map.java:3)"
    )

    assert trace.faulting is not None
    assert trace.faulting.line == 2


def test_a_library_that_reports_are_about_is_own_code() -> None:
    (trace,) = read_traces("java.io.IOException\n at org.apache.hadoop.ipc.Server.run(Server.java:1)")

    assert trace.frames[0].in_app


def test_kotlin_and_scala_are_read() -> None:
    (trace,) = read_traces(
        "scala.MatchError: 5 (of class java.lang.Integer)\n"
        "\tat shop.Cart$$anonfun$sum$1.apply$mcV$sp(Cart.scala:33)\n"
        "\tat shop.CartKt.main(Cart.kt)\n"
        "\tat shop.core$fn__3498$fn__3510.invoke(core.clj:7)\n"
        "\tat scala.collection.immutable.List.foreach(List.scala:431)"
    )

    assert trace.exception == "scala.MatchError"
    assert [frame.file for frame in trace.frames] == ["Cart.scala", "Cart.kt", "core.clj", "List.scala"]
    assert [frame.in_app for frame in trace.frames] == [True, True, True, False]


def test_the_prefixes_of_two_logs_of_android_are_left_out() -> None:
    older = (
        "E/AndroidRuntime( 1234): FATAL EXCEPTION: Thread-12\n"
        "E/AndroidRuntime( 1234): java.lang.IllegalStateException: no store\n"
        "E/AndroidRuntime( 1234): \tat org.notes.Sync$1.run(Sync.java:33)\n"
        "E/AndroidRuntime( 1234): \tat java.lang.Thread.run(Thread.java:1019)"
    )
    newer = older.replace("E/AndroidRuntime( 1234):", "01-02 03:04:05.678  1234  1260 E AndroidRuntime:")

    assert read_traces(older) == read_traces(newer)
    (trace,) = read_traces(older)
    assert (trace.exception, trace.message) == ("java.lang.IllegalStateException", "no store")
    assert [frame.in_app for frame in trace.frames] == [True, False]


def test_a_line_of_a_log_may_stand_before_the_type() -> None:
    (trace,) = read_traces(
        "2020-01-02 03:04:05,678 ERROR [pool-1] shop.Cart (Cart.java:sum(33)) - failed: java.io.IOException: gone\n"
        "\tat shop.Cart.sum(Cart.java:33)"
    )

    assert (trace.exception, trace.message) == ("java.io.IOException", "gone")


def test_a_type_may_tell_more_in_brackets() -> None:
    (trace,) = read_traces("shop.RemoteException(java.io.IOException): gone\n\tat shop.Cart.sum(Cart.java:33)")

    assert trace.exception == "shop.RemoteException"


def test_a_message_may_have_several_lines() -> None:
    (trace,) = read_traces("java.io.IOException: cannot read\n  the second line\n\tat shop.Cart.sum(Cart.java:33)")

    assert trace.message == "cannot read\nthe second line"


def test_threads_of_a_dump_are_traces_without_exception() -> None:
    traces = read_traces(
        '"main" #1 prio=5 os_prio=0 tid=0x00007f runnable\n   java.lang.Thread.State: RUNNABLE\n'
        "\tat shop.Cart.sum(Cart.java:33)\n\t- locked <0x000000076edb39d8> (a shop.Cart)\n"
        "\tat shop.Main.main(Main.java:4)\n\n"
        '"gc" #2 daemon prio=9\n   java.lang.Thread.State: WAITING\n\tat java.lang.Object.wait(Native Method)'
    )

    assert [(trace.exception, len(trace.frames)) for trace in traces] == [(None, 2), (None, 1)]


@pytest.mark.parametrize("head", ["GoneException(message:order 12)", "Stack trace: GoneException exitCode=1:"])
def test_a_type_may_stand_without_package_or_colon(head: str) -> None:
    (trace,) = read_traces(f"{head}\n\tat shop.Cart.sum(Cart.java:33)")

    assert trace.exception == "GoneException"


def test_a_class_in_a_message_is_no_failure() -> None:
    (trace,) = read_traces(
        "java.lang.ClassCastException: shop.Cart cannot be cast to\nshop.Till\n\tat shop.A.b(C.java:3)"
    )

    assert trace.exception == "java.lang.ClassCastException"


def test_what_a_debugger_copies_is_read() -> None:
    (trace,) = read_traces("Pool(Store).open(String) line: 12\nMain.main(String[]) line: not available")

    assert [(frame.module, frame.function, frame.line) for frame in trace.frames] == [
        ("Pool", "open", 12),
        ("Main", "main", None),
    ]
