import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.ml.stacktraces import (
    Fingerprint,
    Frame,
    Language,
    fingerprint,
    normalise_frame,
    normalise_message,
    read_traces,
    similarity,
)

JAVA = (
    "java.io.IOException: order 12 is gone\n\tat shop.Cart.lambda$sum$3(Cart.java:33)\n"
    "\tat shop.Main$1.run(Main.java:4)\n\tat jdk.internal.reflect.GeneratedMethodAccessor12.invoke(Unknown Source)\n"
    "\tat java.lang.Thread.run(Thread.java:8)"
)


def known_by(text: str) -> Fingerprint:
    (trace,) = read_traces(text)
    return fingerprint(trace)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            JAVA,
            JAVA.replace("12 is", "977 is")
            .replace(":33", ":35")
            .replace("sum$3", "sum$11")
            .replace("Main$1", "Main$2"),
        ),
        (JAVA, JAVA.replace("Accessor12", "Accessor977").replace("Thread.java:8", "Thread.java:1019")),
        (
            "java.lang.Error\n at shop.Cart$$EnhancerByCGLIB$$1a2b3c.sum(<generated>)",
            "java.lang.Error\n at shop.Cart$$EnhancerByCGLIB$$ffff00.sum(<generated>)",
        ),
        (
            "java.lang.Error\n at app//shop.Cart$$Lambda$12/0x0000000800c03000.sum(Unknown Source)",
            "java.lang.Error\n at shop.Cart$$Lambda$99/0x0000000800c99000.sum(Unknown Source)",
        ),
        (
            'Traceback (most recent call last):\n  File "/home/ann/shop/cart.py", line 3, in a\nValueError: x',
            'Traceback (most recent call last):\n  File "C:\\shop\\cart.py", line 7, in a\nValueError: y',
        ),
        (
            "Error: x\n    at Cart.sum (https://a.example/app.3f2a1b.js?v=1:1:2)",
            "Error: x\n    at Cart.sum (https://b.example/js/app.99cc00.js:7:8)",
        ),
        (
            "System.Exception: x\n   at Shop.Cart.<SumAsync>d__3.MoveNext() in C:\\a\\Cart.cs:line 3",
            "System.Exception: x\n   at Shop.Cart.<SumAsync>d__14.MoveNext() in /b/Cart.cs:line 9",
        ),
        (
            "panic: x\n\ngoroutine 1 [running]:\na.com/shop@v1.2.3/cart.(*Cart).Sum(0xc01)\n\t/a/cart.go:3 +0x1d",
            "panic: x\n\ngoroutine 9 [running]:\na.com/shop@v1.3.0/cart.(*Cart).Sum(0xc0ffee)\n\t/b/cart.go:7 +0x2d",
        ),
        (
            "stack backtrace:\n   1: 0x55d1a3b0f1b0 - shop::cart::sum::habcdef0123456789",
            "stack backtrace:\n   7: 0x7fd1a3b0f1b0 - shop::cart::sum::h0000000123456789",
        ),
        (
            "#0  0x0000555555554a3c in sum<int> (cart=0x0) at src/cart.c:21",
            "#0  0x0000555555554fff in sum<long> (cart=0x1) at /b/src/cart.c:25",
        ),
        (
            "signal 11 (SIGSEGV)\n#01 pc 00004a3c  /data/app/a-1/lib/arm/libnotes.so (notes_open+44)",
            "signal 11 (SIGSEGV)\n#02 pc 00004fff  /data/app/a-2/lib/arm64/libnotes.so (notes_open+84)",
        ),
        (
            "0   Notes     \t0x000000010a2b3c4d -[NoteStore open:error:] + 77 (NoteStore.m:42)",
            "3   Notes     \t0x0000000109999999 -[NoteStore open:error:] + 80 (NoteStore.m:44)",
        ),
    ],
)
def test_the_same_place_in_another_build_has_the_same_fingerprint(one: str, other: str) -> None:
    assert known_by(one).digest == known_by(other).digest
    assert known_by(one).kind == "frames"
    assert similarity(known_by(one), known_by(other)) == 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("shop.Cart", "shop.Till"),
        ("lambda$sum", "lambda$total"),
        ("Main$1", "Start$1"),
        ("IOException", "EOFException"),
    ],
)
def test_another_place_or_type_has_another_fingerprint(written: str, meant: str) -> None:
    assert known_by(JAVA).digest != known_by(JAVA.replace(written, meant)).digest


def test_foreign_frames_and_deeper_recursion_do_not_count() -> None:
    deeper = JAVA.replace("\n\tat shop.Main", "\n\tat shop.Cart.lambda$sum$3(Cart.java:34)\n\tat shop.Main")

    assert known_by(JAVA).frames == ("shop.Cart.sum", "shop.Main.run")
    assert known_by(deeper).digest == known_by(JAVA).digest


def test_the_root_cause_is_what_a_failure_is_known_by() -> None:
    wrapped = f"shop.StartError: no\n\tat shop.Start.go(Start.java:1)\nCaused by: {JAVA}"

    assert known_by(wrapped) == known_by(JAVA)


def test_without_own_frames_type_and_message_decide() -> None:
    text = "java.io.IOException: order 12 is gone\n\tat java.lang.Thread.run(Thread.java:8)"

    assert known_by(text).kind == "message"
    assert known_by(text) == known_by(text.replace("12", "977"))
    assert known_by(text).digest != known_by(text.replace("gone", "there")).digest


def test_foreign_frames_alone_tell_nothing() -> None:
    found = known_by("\tat java.lang.Thread.run(Thread.java:8)")

    assert (found.kind, found.digest) == ("nothing", "")
    assert similarity(found, found) == 1.0


def test_the_digest_stays_the_same() -> None:
    assert known_by(JAVA).digest == "6d4051e0057e98a7eeca5cb274ee3d70"


def test_so_many_frames_count() -> None:
    text = "java.lang.Error\n" + "".join(f"\tat shop.Cart.step{chr(97 + place)}(Cart.java:1)\n" for place in range(26))
    (trace,) = read_traces(text)

    assert fingerprint(trace, most_frames=2).frames == ("shop.Cart.stepa", "shop.Cart.stepb")


@pytest.mark.parametrize(
    ("language", "frame", "text"),
    [
        (Language.JVM, Frame("access$300", "a.B$C$1"), "a.B$C.access"),
        (Language.JVM, Frame("apply", "a.B$$anonfun$run$1"), "a.B.apply"),
        (Language.JVM, Frame("invoke", "shop.core$fn__3498"), "shop.core$fn.invoke"),
        (Language.JVM, Frame("call", "com.sun.proxy.$Proxy12"), "com.sun.proxy.$Proxy.call"),
        (Language.JAVASCRIPT, Frame("t", "", "app.min.js"), "app.min.js"),
        (Language.JAVASCRIPT, Frame("run", "", "/a/node_modules/box-1.2.3/lib/index.js"), "box/lib/index.js:run"),
        (Language.PYTHON, Frame("run", "", "/a/shop/__init__.py"), "shop/__init__.py:run"),
        (Language.DOTNET, Frame("<Run>b__1_0", "A.B+<>c"), "A.B.Run"),
        (Language.DOTNET, Frame("Add", "A.List`1[System.Int32]"), "A.List.Add"),
        (Language.GO, Frame("main.func1.2", "main"), "main.main"),
        (Language.RUST, Frame("run::{{closure}}", "<a::B<T> as c::D>"), "a::B::run"),
        (Language.RUBY, Frame("block (2 levels) in run", "", "/a/lib/b.rb"), "b.rb:run"),
        (Language.PHP, Frame("run", "A\\B"), "A\\B->run"),
        (Language.NATIVE, Frame("void a::run<int>(std::map<int, int> const&) const"), "a::run"),
        (Language.NATIVE, Frame("a::operator<(int)"), "a::operator<"),
        (Language.NATIVE, Frame("run.isra.3"), "run"),
        (Language.NATIVE, Frame("", "/a/libshop.so"), "libshop.so"),
        (Language.APPLE, Frame("Note.title(_:) (.resume.0)", "Notes"), "Notes:Note.title"),
        (Language.APPLE, Frame("closure #1 (Int) in specialized Cart.sum()", "Shop"), "Shop:Cart.sum"),
    ],
)
def test_what_compilers_make_up_is_left_out(language: Language, frame: Frame, text: str) -> None:
    assert normalise_frame(frame, language) == text


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("order 12 of 3.5 EUR", "order <number> of <number> EUR"),
        ("at 0xdeadbeef and Cart@1a2b3c", "at <hex> and Cart<hex>"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id <uuid>"),
        ("key 'a b' and \"c\" and `d`", "key <text> and <text> and <text>"),
        ("can't open /home/ann/a.txt", "can't open <path>"),
        ("C:\\Users\\ann\\a.txt is gone", "<path> is gone"),
        ("ask ann@example.org", "ask <email>"),
        ("no answer of https://example.org/a?b=1", "no answer of <url>"),
        ("since 2020-01-02 03:04:05,678", "since <time>"),
        ("10.0.0.1:8080 refused", "<address> refused"),
        ("first\nsecond", "first"),
    ],
)
def test_what_changes_in_messages_is_left_out(written: str, read: str) -> None:
    assert normalise_message(written) == read


FAILURES = st.builds(
    Fingerprint,
    kind=st.just("frames"),
    digest=st.just("1"),
    exception=st.sampled_from(["", "A", "B"]),
    message=st.just(""),
    frames=st.lists(st.sampled_from("abcdef"), max_size=30).map(tuple),
)


@given(FAILURES, FAILURES)
def test_similarity_is_a_share_and_the_same_both_ways(one: Fingerprint, other: Fingerprint) -> None:
    assert 0 <= similarity(one, other) <= 1
    assert similarity(one, other) == pytest.approx(similarity(other, one))
    assert similarity(one, one) == pytest.approx(1)


def test_frames_near_the_top_count_for_more() -> None:
    def of(frames: str) -> Fingerprint:
        return Fingerprint("frames", frames, "A", "", tuple(frames))

    assert similarity(of("abcd"), of("abcx")) > similarity(of("abcd"), of("xbcd"))
    assert similarity(of("abcd"), of("abc")) > 0.8
    assert similarity(of("abcd"), of("dcba")) < similarity(of("abcd"), of("abdc"))
    assert similarity(of("ab"), of("xy")) == pytest.approx(0.2)


def test_without_frames_the_words_decide() -> None:
    def of(digest: str, exception: str) -> Fingerprint:
        return Fingerprint("message", digest, exception, "", ())

    assert similarity(of("1", "A"), of("1", "A")) == 1
    assert similarity(of("1", "A"), of("2", "A")) == pytest.approx(0.2)
    assert similarity(of("1", "A"), of("2", "B")) == 0
