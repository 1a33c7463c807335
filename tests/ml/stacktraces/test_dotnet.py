from bugflow.ml.stacktraces import Language, read_traces

ONE_LINE = """
Unhandled exception. System.AggregateException: One or more errors (Bad port) ---> Shop.PortException: Bad port -1
   at Shop.Net.Wire.Dial(String host, Int32 port) in C:\\src\\Shop\\Net\\Wire.cs:line 12
   at Shop.Net.Wire.<OpenAsync>d__4.MoveNext() in C:\\src\\Shop\\Net\\Wire.cs:line 30
   --- End of inner exception stack trace ---
   at System.Threading.Tasks.Task.Wait(Int32 ms, CancellationToken token)
   at Shop.Program.Main(String[] args) in C:\\src\\Shop\\Program.cs:line 5
"""


def test_the_frames_of_the_inner_exception_are_its_own() -> None:
    (trace,) = read_traces(ONE_LINE)

    assert trace.language is Language.DOTNET
    assert (trace.exception, trace.message) == ("System.AggregateException", "One or more errors (Bad port)")
    assert [frame.function for frame in trace.frames] == ["Wait", "Main"]
    (cause,) = trace.causes
    assert (cause.exception, cause.message) == ("Shop.PortException", "Bad port -1")
    assert [(frame.function, frame.line) for frame in cause.frames] == [("Dial", 12), ("MoveNext", 30)]
    assert cause.frames[0].file == "C:\\src\\Shop\\Net\\Wire.cs"


def test_the_framework_is_foreign() -> None:
    (trace,) = read_traces(ONE_LINE)

    assert [frame.in_app for frame in trace.frames] == [False, True]
    assert trace.faulting is not None
    assert trace.faulting.function == "Dial"


def test_the_inner_exception_may_stand_on_a_line_of_its_own() -> None:
    (trace,) = read_traces(
        "System.InvalidOperationException: Outer\n ---> System.FormatException: Inner\n"
        "   at System.Number.Parse(String s)\n   at Shop.Read.Line(String s) in /src/Read.cs:line 3\n"
        "   --- End of inner exception stack trace ---\n   at Shop.Program.Main() in /src/Program.cs:line 9"
    )

    assert (trace.exception, trace.root.exception) == ("System.InvalidOperationException", "System.FormatException")
    assert [frame.function for frame in trace.root.frames] == ["Parse", "Line"]
    assert [frame.function for frame in trace.frames] == ["Main"]


def test_frames_of_mono_and_unity_are_read() -> None:
    (mono, unity) = read_traces(
        "System.ArgumentException: bad\n  at Shop.Read.Line (System.String s) [0x00012] in /src/Read.cs:3 \n"
        "  at Shop.Cart..ctor () [0x00000] in <a3f1>:0 \n\n\n"
        "NullReferenceException: Object reference not set\nPlayer.Jump () (at Assets/Scripts/Player.cs:44)\n"
        "Player.Update () (at Assets/Scripts/Player.cs:12)"
    )

    assert [(frame.function, frame.line) for frame in mono.frames] == [("Line", 3), (".ctor", None)]
    assert unity.exception == "NullReferenceException"
    assert [(frame.module, frame.function) for frame in unity.frames] == [("Player", "Jump"), ("Player", "Update")]
