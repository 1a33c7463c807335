from bugflow.ml.stacktraces import Frame, Language, StackTrace, read_traces


def names(trace: StackTrace) -> list[str]:
    return [frame.function for frame in trace.frames]


def own(trace: StackTrace) -> list[bool]:
    return [frame.in_app for frame in trace.frames]


def test_a_back_trace_of_gdb_is_read() -> None:
    (trace,) = read_traces(
        "Program received signal SIGSEGV, Segmentation fault.\n"
        "0x00007ffff7a5e1f0 in strlen () from /lib/x86_64-linux-gnu/libc.so.6\n(gdb) bt\n"
        "#0  0x00007ffff7a5e1f0 in strlen () from /lib/x86_64-linux-gnu/libc.so.6\n"
        "#1  0x0000555555554a3c in cart_name (cart=0x0,\n    length=12) at src/cart.c:21\n"
        "#2  std::vector<int, std::less<int> >::push_back (this=0x1) at /usr/include/c++/9/bits/stl_vector.h:1195\n"
        "#3  0x0000555555554b00 in shop::Cart<int>::sum(int) const (this=0x1) at src/cart.cc:33\n"
        "#4  main (argc=1, argv=0x7ffe) at main.c:4"
    )

    assert trace.language is Language.NATIVE
    assert (trace.exception, trace.message) == ("SIGSEGV", "Segmentation fault")
    assert len(trace.frames) == 5
    assert own(trace) == [False, True, False, True, True]
    assert trace.faulting == Frame("cart_name", file="src/cart.c", line=21)


def test_a_sanitizer_names_the_kind_of_fault() -> None:
    trace, freed = read_traces(
        "==4711==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 at pc 0x0000004f1b2c\n"
        "READ of size 4 at 0x602000000010 thread T0\n"
        "    #0 0x4f1b2b in cart_sum(Cart*) /home/ci/shop/src/cart.cc:33:12\n"
        "    #1 0x7f3a00000000 in __libc_start_main (/lib/x86_64-linux-gnu/libc.so.6+0x21b96)\n\n"
        "freed by thread T0 here:\n    #0 0x4c0000 in free (/home/ci/shop/build/shop+0x4c0000)\n"
        "    #1 0x4f1aaa in cart_drop(Cart*) /home/ci/shop/src/cart.cc:12:3"
    )

    assert trace.exception == "heap-use-after-free"
    assert [(frame.function, frame.line) for frame in trace.frames] == [
        ("cart_sum(Cart*)", 33),
        ("__libc_start_main", None),
    ]
    assert own(trace) == [True, False]
    assert (freed.exception, names(freed)) == (None, ["free", "cart_drop(Cart*)"])


def test_valgrind_is_read() -> None:
    first, second = read_traces(
        "==4711== Invalid read of size 4\n==4711==    at 0x4005F6: cart_sum (cart.c:33)\n"
        "==4711==    by 0x400620: main (main.c:4)\n==4711==  Address 0x0 is not stack'd\n==4711== \n"
        "==4711== Conditional jump or move depends on uninitialised value(s)\n"
        "==4711==    at 0x4C32D08: strlen (in /usr/lib/valgrind/vgpreload_memcheck-amd64-linux.so)\n"
        "==4711==    by 0x400640: cart_name (cart.c:21)"
    )

    assert (first.message, names(first)) == ("Invalid read of size 4", ["cart_sum", "main"])
    assert second.message == "Conditional jump or move depends on uninitialised value(s)"
    assert own(second) == [False, True]


def test_a_debugger_of_windows_is_read() -> None:
    (trace,) = read_traces(
        "ExceptionCode: EXCEPTION_ACCESS_VIOLATION (c0000005)\n"
        "00 0019f5f0 00401a2c shop!Cart::sum+0x12 [C:\\src\\cart.cpp @ 33]\n"
        "01 0019f600 00401b00 shop!main+0x45\nkernel32!BaseThreadInitThunk+0x19\nntdll!RtlUserThreadStart+0x21"
    )

    assert trace.exception == "EXCEPTION_ACCESS_VIOLATION"
    assert trace.frames[0] == Frame("Cart::sum", module="shop", file="C:\\src\\cart.cpp", line=33)
    assert own(trace) == [True, True, False, False]


def test_a_tombstone_of_android_is_read() -> None:
    (trace,) = read_traces(
        "pid: 4711, tid: 4733, name: Render  >>> org.notes <<<\n"
        "signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x0\n    r0 00000000  r1 00000001\nbacktrace:\n"
        "    #00 pc 0001a2b4  /system/lib/libc.so (strlen+12)\n"
        "    #01 pc 00004a3c  /data/app/org.notes-1/lib/arm/libnotes.so (notes_open+44)\n"
        "    #02 pc 0x4b00  /data/app/org.notes-1/base.apk!libnotes.so (offset 0x1000)"
    )

    assert trace.exception == "SIGSEGV"
    assert names(trace) == ["strlen", "notes_open", ""]
    assert own(trace) == [False, True, True]


def test_glibc_and_the_kernel_are_read() -> None:
    glibc, kernel = read_traces(
        "./shop(cart_sum+0x12)[0x4005f6]\n/lib/libc.so.6(abort+0x12) [0x7f0000]\n\n"
        "BUG: unable to handle page fault\n"
        "Call Trace:\n [<ffffffff81001234>] cart_ioctl+0x12/0x30 [cart]\n ? guess+0x1/0x2\n do_syscall_64+0x5b/0x1a0\n"
    )[:2]

    assert (names(glibc), own(glibc)) == (["cart_sum", "abort"], [True, False])
    assert kernel.faulting == Frame("cart_ioctl", module="cart")


def test_a_crash_report_of_macos_is_read() -> None:
    crashed, other = read_traces(
        "Exception Type:  EXC_BAD_ACCESS (SIGSEGV)\nException Codes: KERN_INVALID_ADDRESS at 0x0000000000000010\n\n"
        "Thread 0 Crashed:: Dispatch queue: com.apple.main-thread\n"
        "0   libobjc.A.dylib               \t0x00007fff6c1a2e50 objc_msgSend + 16\n"
        "1   Notes                         \t0x000000010a2b3c4d -[NoteStore open:error:] + 77 (NoteStore.m:42)\n"
        "2   Notes                         \t0x000000010a2b3d00 Note.title.getter + 12 (Note.swift:9)\n"
        "3   AppKit                        \t0x00007fff2f8d1234 -[NSApplication run] + 658\n\n"
        "Thread 1:\n0   libsystem_kernel.dylib        \t0x00007fff6d400000 mach_msg_trap + 10"
    )

    assert crashed.language is Language.APPLE
    assert (crashed.exception, crashed.message) == ("EXC_BAD_ACCESS", "SIGSEGV")
    assert names(crashed) == ["objc_msgSend", "-[NoteStore open:error:]", "Note.title.getter", "-[NSApplication run]"]
    assert own(crashed) == [False, True, True, False]
    assert (crashed.frames[1].file, crashed.frames[1].line) == ("NoteStore.m", 42)
    assert other.exception is None


def test_what_failed_belongs_to_the_thread_that_crashed() -> None:
    idle, crashed = read_traces(
        "Exception Type:  EXC_BREAKPOINT (SIGTRAP)\nCrashed Thread:  3\n\n"
        "Thread 0:\n0   libsystem_kernel.dylib        \t0x00007fff6d400000 mach_msg_trap + 10\n\n"
        "Thread 3 Crashed:\n0   Notes                         \t0x000000010a2b3d00 Note.title.getter + 12"
    )

    assert (idle.exception, crashed.exception) == (None, "EXC_BREAKPOINT")


def test_an_exception_of_objective_c_is_read() -> None:
    (trace,) = read_traces(
        "*** Terminating app due to uncaught exception 'NSRangeException', reason: 'index 5 beyond bounds'\n"
        "*** First throw call stack:\n(\n"
        "\t0   CoreFoundation                      0x00007fff23c7127e __exceptionPreprocess + 350\n"
        "\t1   Notes                               0x000000010d3f4a1b $s5Notes4ListC4loadyyF + 123\n)"
    )

    assert (trace.exception, trace.message) == ("NSRangeException", "index 5 beyond bounds")
    assert own(trace) == [False, True]
