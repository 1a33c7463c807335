"""Writes frames and messages so that the same place of two builds, and the same failure of two runs, read the same."""

import re

from bugflow.ml.stacktraces.model import Frame, Language

_MOST_CHARACTERS = 1000
"""Of a message that are looked at."""
_LONGEST_NAME = 400
_LONGEST_MADE_UP = 2

_GENERATED = re.compile(
    r"\$\$(?:Lambda|FastClassBy|EnhancerBy|ExternalSyntheticLambda|SpringCGLIB|_javassist)[^.]*+"
    r"|\$\$?_?(?:jvstc?|WeldClientProxy|HibernateProxy)\w*+|(?<=\$Proxy)\d++|(?<=Accessor)\d++(?=$|\.)"
)
_ANONYMOUS = re.compile(r"\$(?:\d++|anonfun(?:\$\w+?)?|anon|lambda)(?=$|[.$])")
_NUMBERED = re.compile(r"(?<=\w)(?:\$\d++|__\d++|(?<=fn_)\d++)(?=$|[.$])")
_LAMBDA = re.compile(
    r"^lambda\$(?P<name>[^$]+)\$\d++$|^\$?anonfun\$(?P<scala>[^$]+)(?:\$\d++)?$|^(?P<access>access)\$\d++$"
)
_STATE_MACHINE = re.compile(r"[+.]<(?P<name>[\w.]+)>[db]__[\w|]*+$")
_CLOSURE = re.compile(r"^<(?P<name>[\w.]+)>[bg]__[\w|]*+$")
_DISPLAY = re.compile(r"[+.]<>c(?:__DisplayClass[\w]*+)?(?=$|[+.])")
_RUST_NOISE = re.compile(
    r"::h[0-9a-f]{8,20}\w{0,8}$|(?:::)?\{\{?(?:closure|vtable\.shim|impl"
    r"|async_fn\w*)(?:#\d++)?\}?\}(?:::)?|(?:::)?\{closure[^{}]*+\}(?:::)?"
)
_GO_CLOSURE = re.compile(r"(?:[.-]func\d++(?:\.\d++)*+|\.gowrap\d++|-fm)+$|\[\.\.\.\]")
_VERSION = re.compile(r"(?:@v?|-)\d++(?:\.\d++)++(?:[-.+]\w++)*+|(?<=/)v\d++(?=/|$)")
_BUNDLE_HASH = re.compile(r"(?<=[.~_-])(?=[\w]*\d)(?:[0-9a-f]{6,40}|[0-9A-Za-z_]{8})(?=[.~-])")
_RUBY_BLOCK = re.compile(
    r"^(?:(?:block|rescue|ensure)\s(?:\(\d++\slevels?\)\s)?in\s)++|^(?:<(?:top\s\(required\)|main)>)"
)
_SWIFT_MADE_UP = re.compile(
    r"^(?:(?:closure\s#\d++(?:\s\([^()]{0,80}\))?\sin|specialized|@objc"
    r"|partial\sapply(?:\sforwarder)?\sfor|thunk\sfor)\s)++"
)
_COUNTED = re.compile(
    r"\.(?:isra|part|constprop|cold|llvm)(?:\.\d++)*+|@@?[\w.]++$|::h[0-9a-f]{16}\w{0,8}(?:::v[\d.]++)?$"
    r"|\s\(\.[^()]*\)|\s?\[clone[^\]]*\]"
)
_PACKAGES = re.compile(r".*(?:site-packages|dist-packages|node_modules|/gems|/pkg/mod)/")
_GENERIC_FILES = frozenset({"__init__", "__main__", "index", "mod", "lib", "views", "models"})

_PLACEHOLDERS = (
    (re.compile(r"[A-Za-z][\w+.-]{1,20}+://[^\s'\"<>)\]]++"), "<url>"),
    (re.compile(r"[\w.+-]{1,80}+@[A-Za-z0-9-]{1,80}+(?:\.[A-Za-z0-9-]{1,80}+)++"), "<email>"),
    (re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"), "<uuid>"),
    (
        re.compile(
            r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d++)?)?(?:Z|\s?[+-]\d\d:?\d\d)?)?"
            r"|\b\d\d:\d\d:\d\d(?:[.,]\d++)?"
        ),
        "<time>",
    ),
    (
        re.compile(
            r"\"[^\"\n]{0,400}+\"|(?<!\w)'[^'\n]{0,400}+'(?!\w)|`[^`'\n]{0,400}+[`']"
            r"|\u201c[^\u201d\n]{0,400}+\u201d"
        ),
        "<text>",
    ),
    (re.compile(r"(?<![\w.])(?:[A-Za-z]:\\|\\\\|~?/)[^\s:;,'\"()\[\]{}<>|]{2,}+"), "<path>"),
    (re.compile(r"\b\d{1,3}+(?:\.\d{1,3}+){3}(?::\d++)?\b"), "<address>"),
    (re.compile(r"\b0[xX][0-9a-fA-F]++\b|@[0-9a-f]{4,16}+\b|\b(?=[a-f]*+[0-9])[0-9a-f]{8,64}+\b"), "<hex>"),
    (re.compile(r"(?<![A-Za-z])[-+]?\d++(?:[.,]\d++)*+"), "<number>"),
)


def normalise_frame(frame: Frame, language: Language) -> str:
    """Return the place of a frame, such as `a.b.Server.run`, or "" for one that says nothing.

    Left out are addresses, line numbers, folders, versions, arguments, generic and template arguments, and the names
    that compilers and bundlers make up. Two overloads of a function read the same.
    """
    function, module = frame.function[:_LONGEST_NAME], frame.module[:_LONGEST_NAME]
    match language:
        case Language.JVM:
            name = _join(_name_class(module), _name_method(function), ".")
        case Language.DOTNET:
            name = _name_dotnet(module, function)
        case Language.RUST:
            name = _name_path(f"{module}::{function}" if module else function)
        case Language.GO:
            name = _join(_VERSION.sub("", module), _GO_CLOSURE.sub("", function), ".")
        case Language.APPLE:
            plain = _SWIFT_MADE_UP.sub("", _COUNTED.sub("", function))
            name = _join(module, strip_brackets(plain, "<>()"), ":")
        case Language.NATIVE:
            name = _name_native(function)
        case Language.RUBY:
            name = _join(_name_file(frame.file), _RUBY_BLOCK.sub("", function), ":")
        case Language.PHP:
            name = _join(module, function, "->")
        case _:
            name = _join(_name_file(frame.file), _name_script(module, function, language), ":")
    return name or _name_file(frame.file or frame.module)


def normalise_message(message: str) -> str:
    """Return the first line of a message with what changes from run to run as placeholders, such as `<number>`."""
    text = message[:_MOST_CHARACTERS].strip().partition("\n")[0]
    for pattern, placeholder in _PLACEHOLDERS:
        text = pattern.sub(placeholder, text)
    return " ".join(text.split())


def strip_brackets(text: str, pairs: str) -> str:
    """Return the text without what stands in brackets of these kinds, given as pairs such as `<>()`; linear in time.

    Operators keep their signs.
    """
    opening, closing = pairs[::2], pairs[1::2]
    kept: list[str] = []
    depth = 0
    for position, sign in enumerate(text):
        before = text[max(0, position - 8) : position]
        if sign in opening and not before.endswith("operator"):
            depth += 1
        elif sign in closing and depth and not before.endswith(("-", "operator")):
            depth -= 1
        elif not depth:
            kept.append(sign)
    return "".join(kept).replace("::::", "::").strip()


def _join(first: str, second: str, between: str) -> str:
    return f"{first}{between}{second}" if first and second else first or second


def _name_class(name: str) -> str:
    name = _GENERATED.sub("", name)
    for _ in range(3):
        name = _ANONYMOUS.sub("", name)
    return _NUMBERED.sub("", name).rstrip("$-.")


def _name_method(name: str) -> str:
    match = _LAMBDA.match(name)
    if match is not None:
        return match["name"] or match["scala"] or match["access"]
    return _NUMBERED.sub("", _GENERATED.sub("", name))


def _name_dotnet(module: str, function: str) -> str:
    """`Worker+<Run>d__3.MoveNext` is the asynchronous `Worker.Run`, `Worker+<>c.<Run>b__1_0` a lambda in it."""
    machine = _STATE_MACHINE.search(module)
    if machine is not None:
        module, function = module[: machine.start()], machine["name"]
    closure = _CLOSURE.match(function)
    function = closure["name"] if closure is not None else function
    module = _DISPLAY.sub("", module)
    return re.sub(r"`\d++", "", strip_brackets(_join(module, function, "."), "<>[]"))


def _name_script(module: str, function: str, language: Language) -> str:
    """A name of one or two letters is a bundler's, which gives it to another function in the next build."""
    if language is Language.JAVASCRIPT:
        function = "" if len(function) <= _LONGEST_MADE_UP or function == "<anonymous>" else function
        module = "" if len(module) <= _LONGEST_MADE_UP or module in {"Object", "Function"} else module
    return _join(module, function, ".")


def _name_path(path: str) -> str:
    """`<a::B<T> as c::D>::run` is `a::B::run`."""
    path = _RUST_NOISE.sub("", _RUST_NOISE.sub("", path)).replace("->", "")
    if path.startswith("<"):
        inside, _, rest = path[1:].rpartition(">::")
        path = f"{inside.rpartition(' as ')[0] or inside}::{rest}"
    return strip_brackets(path, "<>").strip(":")


def _name_native(function: str) -> str:
    name = strip_brackets(_COUNTED.sub("", function.replace("(anonymous namespace)", "anonymous")), "<>()")
    name = re.sub(r"\s(?:const|&&?)$", "", name)
    # Before the name of a template's function stands what it returns.
    return name if "operator" in name else name.rpartition(" ")[2]


def _name_file(path: str) -> str:
    """Return the file's name without folders, query, versions and hashes; with its folder where it tells nothing.

    Of a file of a package of others, the path within the folder of packages.
    """
    path = path.partition("?")[0].partition("#")[0].replace("\\", "/").rstrip("/")[-_LONGEST_NAME:]
    package = _PACKAGES.search(path)
    if package is not None:
        return _VERSION.sub("", path[package.end() :])
    folder, _, name = path.rpartition("/")
    name = re.sub(r"[.-](?=\.|$)", "", _BUNDLE_HASH.sub("", _VERSION.sub("", name)))
    if name.partition(".")[0] in _GENERIC_FILES and folder:
        return f"{folder.rpartition('/')[2]}/{name}"
    return name
