"""What does a cohort look like as a whole? One page with pictures, and the same numbers as tables for who does not see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from adapter.cohort.counting import Counted, Counts, Missing, Waterfall, counted
from adapter.cohort.drawing import draw_counts, draw_missing, draw_waterfall
from adapter.cohort.trouble import told

PAGE = "index.html"
SMALL = 10
_MOST_WATERFALLS = 6
_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #111; background: #fff }
img { max-width: 100%; height: auto } table { border-collapse: collapse; margin: 1rem 0 } caption { text-align: left; font-weight: 600 }
th, td { border: 1px solid #767676; padding: .25rem .6rem; text-align: left } td.number { text-align: right }
"""


def summarise(out: Path) -> Path:
    """Draw the summary of a finished run; the page that shows it."""
    folder = out / "summary"
    with told():
        found = counted(out)
        folder.mkdir(exist_ok=True, mode=0o700)
        sections = [
            *_count_sections(found, folder),
            *_missing_section(found.missing, folder),
            *_waterfall_sections(found.waterfalls, folder),
        ]
        (folder / PAGE).write_text(_page(found, sections), encoding="utf-8")
    return folder / PAGE


def _count_sections(found: Counted, folder: Path) -> Iterator[str]:
    for one in found.counts:
        title = one.question.says
        alt = f"Bar chart. {title}, {found.cases} cases: {_spoken((*one.values, *one.reasons))}."
        draw_counts(one, title, folder / one.question.column, alt)
        yield _section(title, one.question.column, alt, _count_table(one, found.cases))


def _missing_section(missing: Sequence[Missing], folder: Path) -> Iterator[str]:
    title = "What is known, and what is missing"
    worst = sorted(missing, key=lambda one: -one.open)[:3]
    most = _spoken((one.question.says, one.open) for one in worst)
    alt = f"Stacked bars, one for each of {len(missing)} questions. Most open answers: {most}."
    draw_missing(missing, title, folder / "missing", alt)
    rows = [(one.question.says, *(_share(part, sum(one[1:])) for part in one[1:])) for one in missing]
    yield _section(title, "missing", alt, _table(title, ("question", "value", "open", "not applicable", "no answer"), rows))


def _waterfall_sections(waterfalls: Sequence[Waterfall], folder: Path) -> Iterator[str]:
    """The tracers with most cases; all of them stand in the table of cases."""
    for number, one in enumerate(sorted(waterfalls, key=lambda one: -len(one.changes))[:_MOST_WATERFALLS], start=1):
        title = f"Change of uptake: {one.tracer}, {one.measure}"
        falls = sum(percent < 0 for percent, _ in one.changes)
        classes = _classes(one)
        alt = (
            f"Waterfall plot of {len(one.changes)} cases, from {one.changes[0][0]:+.0f} % to {one.changes[-1][0]:+.0f} %; "
            f"uptake fell in {falls}. By response class: {_spoken(classes)}."
        )
        name = f"waterfall-{number}"
        draw_waterfall(one, title, folder / name, alt)
        table = _table(f"{title}, by response class", ("class", "cases"), [(said, _marked(count)) for said, count in classes])
        note = (
            "<p>Each bar is one case: of its newest scan, the lesion whose uptake fell most. That is a picture and no response class.</p>"
        )
        yield _section(title, name, alt, note + table)


def _classes(one: Waterfall) -> list[tuple[str, int]]:
    said = [response for _, response in one.changes]
    return [(response, said.count(response)) for response in sorted(set(said))]


def _count_table(one: Counts, cases: int) -> str:
    rows = [(name, _share(count, cases)) for name, count in one.values]
    rows += [(f"no value: {name}", _share(count, cases)) for name, count in one.reasons]
    return _table(one.question.says, ("value", "cases"), rows)


def _spoken(pairs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in pairs) or "none"


def _marked(count: int) -> str:
    return f"{count}*" if 0 < count < SMALL else str(count)


def _share(count: int, whole: int) -> str:
    return f"{_marked(count)} ({100 * count / max(1, whole):.1f} %)"


def _section(title: str, name: str, alt: str, table: str) -> str:
    said = escape(alt, quote=True)
    return (
        f'<section><h2>{escape(title)}</h2><img src="{name}.png" alt="{said}">'
        f'<p><a href="{name}.svg">{escape(title)} as SVG</a></p>{table}</section>'
    )


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f'<td class="number">{escape(cell)}</td>' for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _page(found: Counted, sections: Iterable[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Cohort summary</title><style>{_STYLE}</style></head><body><main><h1>Cohort summary</h1>"
        f"<p>{found.patients} patients with {found.cases} cases of breast cancer. "
        "Every value was decided by a published rule; the results name it.</p>"
        f"<p>Small counts are <strong>not suppressed</strong>: those below {SMALL} are marked *. "
        "Such a count may point at a person; decide before you pass this page on.</p>"
        "<p>No value: <em>indeterminate</em>, inputs are missing or contradict each other; "
        "<em>not-assessable</em>, the measurement does not allow it; "
        "<em>not-applicable</em>, the rule does not speak of this case; <em>no answer</em>, nothing was sent that asks the question.</p>"
        + "".join(sections)
        + "</main></body></html>\n"
    )
