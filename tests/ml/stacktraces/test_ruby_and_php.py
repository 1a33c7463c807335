from bugflow.ml.stacktraces import Language, read_traces

RUBY = """
/srv/shop/lib/cart.rb:21:in `item': undefined method `price' for nil:NilClass (NoMethodError)
	from /srv/shop/lib/cart.rb:33:in `block in sum'
	from /usr/lib/ruby/gems/2.7.0/gems/rack-2.2.3/lib/rack/builder.rb:125:in `call'
	from bin/shop:4:in `<main>'
/srv/shop/lib/db.rb:3:in `open': refused (Db::Refused)
	from /srv/shop/lib/cart.rb:20:in `item'
"""
PHP = """
PHP Fatal error:  Uncaught Shop\\PortException: Bad port -1 in /srv/shop/src/Wire.php:12
Stack trace:
#0 /srv/shop/src/Wire.php(30): Shop\\Wire->dial('db', -1)
#1 /srv/shop/vendor/acme/http/src/Kernel.php(88): Shop\\Wire::open(Array)
#2 [internal function]: Shop\\App->run()
#3 {main}

Next RuntimeException: Cannot start in /srv/shop/src/App.php:9
Stack trace:
#0 /srv/shop/public/start.php(3): Shop\\App->start()
#1 {main}
  thrown in /srv/shop/src/App.php on line 9
"""


def test_the_first_frame_of_ruby_names_the_failure() -> None:
    (trace,) = read_traces(RUBY)

    assert trace.language is Language.RUBY
    assert (trace.exception, trace.message) == ("NoMethodError", "undefined method `price' for nil:NilClass")
    assert [frame.function for frame in trace.frames] == ["item", "block in sum", "call", "<main>"]
    assert [frame.in_app for frame in trace.frames] == [True, True, False, True]


def test_the_cause_of_ruby_follows_the_failure() -> None:
    (trace,) = read_traces(RUBY)

    assert [(cause.exception, cause.message) for cause in trace.causes] == [("Db::Refused", "refused")]
    assert trace.faulting is not None
    assert trace.faulting.file == "/srv/shop/lib/db.rb"


def test_ruby_writes_the_innermost_call_last_to_a_terminal() -> None:
    (trace,) = read_traces(
        "Traceback (most recent call last):\n\t2: from run.rb:9:in `<main>'\n\t1: from cart.rb:33:in `sum'\n"
        "cart.rb:21:in `item': undefined method `price' for nil:NilClass (NoMethodError)"
    )

    assert trace.exception == "NoMethodError"
    assert [frame.function for frame in trace.frames] == ["item", "sum", "<main>"]


def test_newer_ruby_names_the_class_and_rails_the_type_first() -> None:
    (newer,) = read_traces("cart.rb:21:in 'Cart#item': refused (NoMethodError)\n\tfrom cart.rb:33:in 'Cart#sum'")
    (rails,) = read_traces("NoMethodError (refused):\napp/models/cart.rb:21:in `item'\napp/cart.rb:5:in `show'")

    assert [(frame.module, frame.function) for frame in newer.frames] == [("Cart", "item"), ("Cart", "sum")]
    assert (rails.exception, rails.message) == (newer.exception, newer.message) == ("NoMethodError", "refused")


def test_what_follows_in_php_was_caused_by_what_is_above() -> None:
    (trace,) = read_traces(PHP)

    assert trace.language is Language.PHP
    assert (trace.exception, trace.message) == ("RuntimeException", "Cannot start")
    (cause,) = trace.causes
    assert (cause.exception, cause.message) == ("Shop\\PortException", "Bad port -1")
    assert [(frame.module, frame.function) for frame in cause.frames] == [
        ("Shop\\Wire", "dial"),
        ("Shop\\Wire", "open"),
        ("Shop\\App", "run"),
    ]
    assert [frame.in_app for frame in cause.frames] == [True, False, False]


def test_a_fatal_error_of_php_says_where_it_was() -> None:
    (trace,) = read_traces("PHP Fatal error:  Call to undefined function foo() in /srv/shop/cart.php on line 12")

    assert (trace.exception, trace.message) == (None, "Call to undefined function foo()")
    assert [(frame.file, frame.line) for frame in trace.frames] == [("/srv/shop/cart.php", 12)]
