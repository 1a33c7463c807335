"""The report of a back-test for people, in Markdown: what would have happened first, then how that was found out."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bugflow.assist.backtesting.service import Backtest
from bugflow.assist.duplicates.backtesting import DuplicateExample, DuplicateResult
from bugflow.mlops.backtesting.results import FieldResult, Score
from bugflow.mlops.serving.opinions import STARTER
from bugflow.web.rendering import render_document

SHOWN_LABELS, SHOWN_TITLE = 20, 90
ELSEWHERE = "an issue of another project"
STARTER_NAMES = {STARTER: "the model that comes with BugFlow"}


def write_markdown(found: Backtest) -> str:
    """Return the report."""
    return "\n".join(_write_lines(found)) + "\n"


def write_html(found: Backtest) -> str:
    """Return the report as a page that stands alone."""
    return render_document("backtests/report.html", title=f"Back-test of {found.project}", text=write_markdown(found))


def _write_lines(found: Backtest) -> Iterator[str]:
    yield f"# What BugFlow would have done in {found.project}"
    yield ""
    for field in found.fields:
        yield f"- {summarise_field(field)}"
    if found.duplicates is not None:
        yield f"- {summarise_duplicates(found.duplicates)}"
    for skipped in found.skipped:
        yield f"- **{skipped.field.capitalize()}** is not told: {skipped.because}"
    yield ""
    yield from _write_method(found)
    if found.fields:
        yield from _write_table(found.fields)
    for field in found.fields:
        yield from _write_field(field)
    if found.duplicates is not None:
        yield from _write_duplicates(found.duplicates)


def summarise_field(field: FieldResult) -> str:
    """Return what came of a field in two sentences."""
    score, majority = field.score, field.majority
    return (
        f"**{field.field.capitalize()}**: of the last {score.asked:,} issues {score.right:,} would have been right, "
        f"{score.wrong:,} wrong, {score.left:,} left to you. The best guess, sure or not, is right for "
        f"{score.guessed:,}; always saying the label most frequent until then, for {majority.guessed:,}."
    )


def summarise_duplicates(found: DuplicateResult) -> str:
    """Return what came of duplicates in two or three sentences."""
    if not found.duplicates:
        first = f"people called none of the last {found.asked:,} issues a duplicate of an older one that is here."
    else:
        first = (
            f"of the {found.duplicates:,} among the last {found.asked:,} issues that people later called duplicates, "
            f"the older report would have been among the first ten for {found.among_ten:,}, the very first for "
            f"{found.first:,}, flagged as the same bug for {found.flagged_right:,} (another one for "
            f"{found.flagged_wrong:,})."
        )
    return (
        f"**Duplicates**: {first} Of {found.others:,} others {found.others_flagged:,} would have been flagged: "
        "mistakes, or duplicates that nobody noticed."
    )


def _write_method(found: Backtest) -> Iterator[str]:
    options = found.options
    yield "## How this was found out"
    yield ""
    yield (
        f"{found.issues:,} issues{f' ({_escape(found.query)})' if found.query else ''} were told again in the order of "
        f"filing. For each field the newest {options.last:,} that have it, half of all at most, were asked about in "
        f"{options.blocks} blocks; before each a model learned from what was filed before, with the labels that people "
        "had given by then. Each issue was asked about as it was when filed. Right and wrong is what people said last; "
        "*left to you* is what a model was not sure about."
    )
    if not found.with_encoder:
        yield ""
        yield "There was no encoder, so models learned from words alone, and duplicates were compared by words alone."
    if found.undocumented:
        yield ""
        yield (
            f"The changes of {found.undocumented:,} issues are not known, as is where an export brings no history: "
            "their texts and labels of today count as those of their filing, and their component is not shown to "
            "models of other fields. What people wrote into them or decided later may make the figures too good."
        )
    yield ""


def _write_table(fields: Sequence[FieldResult]) -> Iterator[str]:
    yield "| | asked | right | wrong | left to you | right where sure (95 %) | sure | best guess right |"
    yield "|---|---|---|---|---|---|---|---|"
    for field in fields:
        yield _write_score(f"**{field.field}**", field.score)
        yield _write_score("most frequent label", field.majority)
        if field.keywords is not None:
            yield _write_score("keyword rules", field.keywords)
        if field.in_use is not None and field.in_use.score is not None and field.in_use.replayed is not None:
            name = STARTER_NAMES.get(field.in_use.name, field.in_use.name)
            yield _write_score(name, field.in_use.score)
            if field.in_use.left_out:
                yield _write_score("replayed, on the same", field.in_use.replayed)
    yield ""
    for field in fields:
        yield from _write_in_use(field)


def _write_score(name: str, score: Score) -> str:
    sure = "never sure" if score.precision is None else f"{score.precision:.1%} {_show(score.precision_interval)}"
    return (
        f"| {name} | {score.asked:,} | {score.right:,} | {score.wrong:,} | {score.left:,} | {sure} | "
        f"{score.coverage:.1%} | {score.accuracy:.1%} |"
    )


def _show(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"({interval[0]:.1%} to {interval[1]:.1%})"


def _write_in_use(field: FieldResult) -> Iterator[str]:
    used = field.in_use
    if used is None:
        return
    name = STARTER_NAMES.get(used.name, used.name)
    if used.name == STARTER:
        yield (
            f"The {field.field} is found by {name} now, which learned from other, public trackers; on the past of one "
            "of these its figures are too good."
        )
    elif used.score is None:
        yield (
            f"`{name}`, which finds the {field.field} now, is not compared: it may have learned from all of these "
            "issues. Later ones will tell."
        )
    elif used.left_out:
        yield (
            f"`{name}`, which finds the {field.field} now, was asked only about the {used.score.asked:,} issues that "
            f"it cannot have learned from; about {used.left_out:,} it was not."
        )
    yield ""


def _write_field(field: FieldResult) -> Iterator[str]:
    yield f"## {field.field.capitalize()}"
    yield ""
    yield f"{field.labelled:,} issues have one. Asked: {_day(field.since)} to {_day(field.until)}."
    yield ""
    yield "| block | learned from | right | wrong | left to you | best guess right | most frequent label right |"
    yield "|---|---|---|---|---|---|---|"
    for block in field.blocks:
        score = block.score
        yield (
            f"| {_day(block.since)} to {_day(block.until)} | {block.taught:,} | {score.right:,} | {score.wrong:,} | "
            f"{score.left:,} | {score.accuracy:.1%} | {block.majority / score.asked:.1%} |"
        )
    yield ""
    for block in field.blocks:
        if block.silent_because is not None:
            yield f"From {_day(block.since)}: {block.silent_because} The most frequent label is its guess."
            yield ""
    yield from _write_labels(field)
    yield from _write_confusions(field)


def _write_labels(field: FieldResult) -> Iterator[str]:
    yield "| label | issues | best guess found | said for sure | of these right |"
    yield "|---|---|---|---|---|"
    for each in field.by_label[:SHOWN_LABELS]:
        found = f"{each.guessed:,} ({each.guessed / each.issues:.0%})"
        yield f"| {_escape(each.label)} | {each.issues:,} | {found} | {each.sure:,} | {each.sure_right:,} |"
    yield ""
    rest = field.by_label[SHOWN_LABELS:]
    if rest:
        yield f"{len(rest):,} further labels are on {sum(each.issues for each in rest):,} issues."
        yield ""


def _write_confusions(field: FieldResult) -> Iterator[str]:
    if field.confusions:
        yield "What was taken for what; what is said for sure comes first, since it would have been filled in:"
        yield ""
        yield "| people said | the model | for sure | as best guess |"
        yield "|---|---|---|---|"
        for each in field.confusions:
            yield f"| {_escape(each.truth)} | {_escape(each.said)} | {each.sure:,} | {each.guessed:,} |"
        yield ""
    if field.examples:
        yield "Wrong for sure:"
        yield ""
        for example in field.examples:
            because = ", ".join(f"*{_escape(each)}*" for each in example.because) or "nothing by itself"
            yield (
                f"- {example.key} {_cut(example.title)}: {_escape(example.said)}, and people said "
                f"{_escape(example.truth)}. What spoke for it: {because}."
            )
        yield ""


def _write_duplicates(found: DuplicateResult) -> Iterator[str]:
    yield "## Duplicates"
    yield ""
    interval = (
        "" if found.among_ten_interval is None else f"; 95 % interval of that share {_show(found.among_ten_interval)}"
    )
    yield (
        f"Each of {found.asked:,} issues ({_day(found.since)} to {_day(found.until)}) was compared with all that were "
        f"older, of {found.known:,} in all projects, and with the merges made by then. The ranking is the one that "
        f"comes with BugFlow{' for words alone' if found.by_words else ''}: one that learned from this past would know "
        "the answers. It was taught by public trackers (jQuery, Titanium, Apache's), on whose past it looks better "
        f"than it is. It flags from a probability of {found.threshold:.2f} on, and only bugs. For {found.among_ten:,} "
        f"of {found.duplicates:,} duplicates the older report was among the first ten{interval}. "
        f"{found.unclear:,} that people called duplicates of something that is not here are not counted. Component and "
        "priority, which may have been set later, were not compared."
    )
    yield ""
    yield "| block | duplicates | among the first ten | flagged | others | flagged |"
    yield "|---|---|---|---|---|---|"
    for each in found.blocks:
        yield (
            f"| {_day(each.since)} to {_day(each.until)} | {each.duplicates:,} | {each.among_ten:,} | "
            f"{each.flagged_right:,} | {each.others:,} | {each.others_flagged:,} |"
        )
    yield ""
    if found.missed:
        yield "Duplicates whose older report was not among the first ten:"
        yield ""
        yield from (f"- {_describe_missed(each)}" for each in found.missed)
        yield ""
    if found.doubted:
        yield "Flagged, though nobody called them duplicates; look at them:"
        yield ""
        yield from (f"- {_describe_doubted(each)}" for each in found.doubted)
        yield ""


def _describe_missed(each: DuplicateExample) -> str:
    place = "not found" if each.place is None else f"at place {each.place}"
    return f"{each.key} {_cut(each.title)}: {each.truth or ELSEWHERE} was {place}."


def _describe_doubted(each: DuplicateExample) -> str:
    other = ELSEWHERE if each.said is None else f"{each.said} {_cut(each.said_title)}"
    return f"{each.key} {_cut(each.title)}, and {other} ({each.probability:.2f})."


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _cut(title: str) -> str:
    text = " ".join(title.split())
    return f"“{_escape(text if len(text) <= SHOWN_TITLE else text[: SHOWN_TITLE - 1] + '…')}”"


def _escape(text: str) -> str:
    """Return a text as it is, whatever it would mean in Markdown: labels and titles are what people wrote."""
    line = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>|#~!" else letter for letter in line)
