"""Tells the project's own code from run-times, standard libraries, frameworks and packages of others.

The lists are short on purpose: a report may well be about a library, and a frame that is taken for foreign is not seen.
They name what only its makers report bugs about from within: run-times, test runners, servlet containers, logging.
"""

import re

from bugflow.ml.stacktraces.model import Language

_FOREIGN = {
    Language.JVM: """
        java. javax. jakarta. sun. jdk. com.sun. com.ibm.jvm. com.ibm.ws. kotlin. kotlinx. scala. clojure. groovy.
        org.codehaus.groovy. org.apache.groovy. android. androidx. com.android. dalvik. libcore. org.junit. junit.
        org.testng. org.mockito. org.gradle. org.apache.maven.surefire. org.slf4j. ch.qos.logback. org.apache.log4j.
        org.apache.logging.log4j. org.apache.commons.logging. org.apache.catalina. org.apache.coyote.
        org.apache.tomcat. org.eclipse.jetty. org.mortbay. io.undertow. org.jboss.modules. net.sf.cglib. javassist.
        net.bytebuddy. $Proxy
    """,
    Language.DOTNET: """
        System. Microsoft. Windows. Mono. MS. UnityEngine. UnityEditor. Xunit. NUnit. Castle. Moq. lambda_method
        (wrapper
    """,
    Language.GO: """
        runtime. runtime/ net. net/ testing. reflect. sync. sync/ syscall. internal/ os. os/ io. io/ bufio. bytes.
        strings. fmt. encoding/ database/sql. crypto/ time. context. sort. html/ text/ log. regexp. go/ vendor/
        golang.org/x/
    """,
    Language.RUST: """
        core:: std:: alloc:: test:: proc_macro:: backtrace:: rustc_demangle:: panic_unwind:: panicking:: rt:: sys::
        sys_common:: libc:: __rust tokio:: futures:: futures_util:: futures_core:: rayon:: rayon_core::
    """,
    Language.APPLE: """
        Foundation CoreFoundation UIKit UIKitCore AppKit GraphicsServices QuartzCore CoreAnimation WebKit WebCore
        JavaScriptCore CFNetwork Security dyld dyld_sim SwiftUI SwiftUICore AttributeGraph CoreData CoreGraphics
        CoreText CoreMedia AVFoundation AVFAudio FrontBoardServices BackBoardServices HIToolbox IOKit Metal MapKit
        CoreLocation XCTest SpringBoardServices RunningBoardServices UIFoundation ImageIO MediaToolbox TextInput ???
    """,
}
_PREFIXES = {language: tuple(names.split()) for language, names in _FOREIGN.items()}
_PATHS: dict[Language, re.Pattern[str]] = {
    Language.PYTHON: re.compile(
        r"[\\/](?:site-packages|dist-packages)[\\/]|[\\/][Ll]ib(?:64)?[\\/](?:python|pypy)\d"
        r"|[\\/]Python\d+[\\/][Ll]ib[\\/]"
        r"|Python\.framework[\\/]|\.egg[\\/]|^<(?:frozen|string|stdin|attrs|__array)|^(?:importlib|asyncio"
        r"|threading\.py|unittest)\b"
    ),
    Language.JAVASCRIPT: re.compile(
        r"(?:^|[\\/])node_modules[\\/]|^(?:node|internal|ext|deno|bun|ti|native):|^(?:chrome|moz"
        r"|safari-web|safari)-extension:"
        r"|^(?:chrome|resource|about|extensions):|^\[native\scode\]$|^(?:native|<anonymous>|index\s\d+"
        r"|unknown.*)$|/webpack/(?:bootstrap|runtime)"
        r"|^(?:module|timers|events|net|fs|_stream_\w+|_http_\w+|bootstrap_node|vm|util|domain|tty|http"
        r"|https|stream|node|async_hooks|child_process|cluster|repl|_tls_\w+|crypto|zlib|dns|dgram|assert"
        r"|buffer|readline)\.js$"
        r"|\b(?:zone|polyfills?|vendors?|jquery|react-dom|angular|vue)(?:[.-][\w.-]*)?\.[cm]?js\b"
        r"|cdn(?:js)?\.|unpkg\.com|googleapis\.com"
    ),
    Language.GO: re.compile(
        r"/(?:usr/(?:local/)?(?:lib/)?go(?:-[\d.]+)?|go\d[\d.]*|sdk/go[\d.]+|libexec)/src/|/pkg/mod/|/vendor/|_cgo_"
    ),
    Language.RUST: re.compile(
        r"/rustc/|/\.cargo/registry/|/\.cargo/git/|[\\/]src[\\/]lib(?:std|core|alloc|native|green|rt"
        r"|rustrt)[\\/]|/rustlib/|/library/(?:std|core|alloc|test)/"
    ),
    Language.RUBY: re.compile(
        r"/gems/|/lib/ruby/|^<internal:|^kernel/|/bundler/|/rubygems/|/site_ruby/|/bin/(?:rails|rake"
        r"|bundle|rspec|irb|ruby)$"
    ),
    Language.PHP: re.compile(r"[\\/]vendor[\\/]|^phar:|[\\/]PHPUnit[\\/]|[\\/]pear[\\/]"),
    Language.NATIVE: re.compile(
        r"(?:^|/)(?:lib(?:c|m|dl|rt|pthread|stdc\+\+|c\+\+(?:abi)?|gcc_s|art|dvm|utils|binder|asan|tsan"
        r"|ubsan|jvm|java|glib|gobject|gio|gtk|gdk|X11|nspr\d*|Qt\w*)"
        r"(?:64|_\w+)?[-_.\d]*(?:so|dylib)|ld-linux|ld-[\d.]+so|linker(?:64)?$|app_process|libc[-_.]|libQt)"
        r"|^/(?:system|apex|vendor|usr/lib|usr/lib64|lib|lib64|data/dalvik-cache)/|/(?:sysdeps|glibc|csu"
        r"|nptl|libsanitizer|compiler-rt|bits|c\+\+)/"
        r"|(?:_rtl|asan_\w+|tsan_\w+|vg_replace_malloc|libc-start|pthread_create|start_thread|raise|abort"
        r"|clone)\.(?:c|cc|cpp|S|h)\b"
        r"|^(?:kernel32|kernelbase|ntdll|user32|ucrtbase\w*|msvcr\w*|msvcp\w*|vcruntime\w*|combase|ole32"
        r"|win32u|gdi32|rpcrt4|shell32|mfc\w*|ntoskrnl|nt|wow64\w*)"
        r"(?:\.dll|\.exe)?$",
        re.IGNORECASE,
    ),
}
_FUNCTIONS: dict[Language, re.Pattern[str]] = {
    Language.RUST: re.compile(
        r"^(?:_?rust_(?:begin_unwind|panic|try|start|upcall)\w*|rust_|__rust\w*|_?start|__libc\w*|main"
        r"|clone|__clone|start_thread|<unknown>|_ZN\w+|abort|raise|_main)"
    ),
    Language.NATIVE: re.compile(
        r"^(?:std::|boost::|__gnu_cxx::|__(?:libc|GI_|asan|tsan|ubsan|interceptor|cxa|scrt|pthread|kernel"
        r"|restore|assert|cxx)\w*|_start$|start_thread$"
        r"|operator\s(?:new|delete)|(?:abort|raise|malloc|free|calloc|realloc|memcpy|memmove|memset"
        r"|str(?:len|cmp|cpy|dup)|clone\d?|gsignal|tgkill|kill)(?:$|\W)"
        r"|art::|android::|BaseThreadInitThunk|RtlUserThreadStart|invoke_main|mainCRTStartup|pthread_"
        r"|g_main_|QMetaObject::|QCoreApplication"
        r"|(?:dump_stack|panic|ret_from_fork|do_syscall_64|entry_SYSCALL_64\w*|system_call_fastpath"
        r"|kthread|page_fault|async_page_fault)$)"
    ),
    Language.PYTHON: re.compile(r"^_?call_with_frames_removed$"),
    Language.JAVASCRIPT: re.compile(
        r"^(?:Array\.|Promise\.|Generator\.|Function\.|process\.)?(?:asyncGeneratorStep|_next"
        r"|processTicksAndRejections|__awaiter|fulfilled|rejected|asyncToGenerator)$"
    ),
    Language.DOTNET: re.compile(r"^\(wrapper"),
}
_OWN_PATH = re.compile(r"^<?[&*]?(?:mut\s)?(?:dyn\s)?")


def is_in_app(language: Language, *, module: str = "", file: str = "", function: str = "") -> bool:
    """Tell whether a frame is of the project's own code, as far as its names say so."""
    if module and _is_foreign_module(language, module):
        return False
    path = _PATHS.get(language)
    if path is not None and ((file and path.search(file)) or (language is Language.NATIVE and path.search(module))):
        return False
    known = _FUNCTIONS.get(language)
    whole = f"{module}::{function}" if language is Language.RUST and module else function
    return known is None or known.match(whole) is None


def _is_foreign_module(language: Language, module: str) -> bool:
    prefixes = _PREFIXES.get(language)
    if prefixes is None:
        return False
    if language is Language.RUST:
        # `<alloc::boxed::Box<F> as core::ops::FnOnce>` is of alloc.
        return f"{_OWN_PATH.sub('', module)}::".startswith(prefixes)
    return f"{module}.".startswith(prefixes) if language is not Language.APPLE else _is_foreign_binary(module, prefixes)


def _is_foreign_binary(module: str, names: tuple[str, ...]) -> bool:
    return module.endswith(".dylib") or module.partition(".")[0] in names or module in names
