"""How does a count look? Pictures that are read without color: values stand beside the bars, and classes differ by pattern too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adapter.cohort.counting import Counts, Missing, Waterfall

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The palette of Okabe and Ito, made to be told apart with any color vision; the patterns say the same once more.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
PATTERNS = ("", "//", "..", "xx", "\\\\", "oo", "++")
_GREY = "#8C8C8C"
# More bars than this are drawn as one picture inside the SVG: a browser could not hold them one by one.
_MOST_BARS = 1_000


def draw_counts(one: Counts, title: str, path: Path, alt: str) -> None:
    """A bar for each value, and below them, hatched, one for each reason why there is none."""
    names = [name for name, _ in (*one.values, *one.reasons)]
    heights = [count for _, count in (*one.values, *one.reasons)]
    figure, axes = _sheet(len(names))
    bars = axes.barh(range(len(names)), heights, color=[PALETTE[0]] * len(one.values) + [_GREY] * len(one.reasons), edgecolor="black")
    for bar in bars[len(one.values) :]:
        bar.set_hatch("//")
    axes.bar_label(bars, padding=3)
    _named(axes, names, "cases", title)
    _kept(figure, path, title, alt)


def draw_missing(missing: Sequence[Missing], title: str, path: Path, alt: str) -> None:
    """For each question the shares of cases with a value, with an open answer, where it does not apply, and without any."""
    figure, axes = _sheet(len(missing))
    left = [0.0] * len(missing)
    parts = (("value", "known"), ("open: something is missing", "open"), ("not applicable", "not_applicable"), ("no answer", "not_asked"))
    for number, (label, field) in enumerate(parts):
        shares = [100 * int(getattr(one, field)) / max(1, sum(one[1:])) for one in missing]
        axes.barh(
            range(len(missing)),
            shares,
            left=left,
            label=label,
            color=PALETTE[number],
            hatch=PATTERNS[number],
            edgecolor="black",
            linewidth=0.5,
        )
        left = [before + share for before, share in zip(left, shares, strict=True)]
    _named(axes, [one.question.says for one in missing], "percent of cases", title)
    axes.set_xlim(0, 100)
    figure.legend(loc="outside lower center", ncol=len(parts), frameon=False)
    _kept(figure, path, title, alt)


def draw_waterfall(one: Waterfall, title: str, path: Path, alt: str) -> None:
    """A bar for each case from the largest rise to the largest fall."""
    figure, axes = _sheet(14)
    classes = sorted({response for _, response in one.changes})
    for number, response in enumerate(classes):
        mine = [(place, percent) for place, (percent, said) in enumerate(one.changes) if said == response]
        axes.bar(
            [place for place, _ in mine],
            [percent for _, percent in mine],
            width=1.0,
            label=f"{response} ({len(mine)})",
            color=PALETTE[number % len(PALETTE)],
            hatch=PATTERNS[number % len(PATTERNS)],
            edgecolor="black" if len(one.changes) <= 100 else PALETTE[number % len(PALETTE)],
            linewidth=0.3,
            rasterized=len(one.changes) > _MOST_BARS,
        )
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks([])
    axes.set_xlabel(f"{len(one.changes)} cases, one bar each")
    axes.set_ylabel("change of uptake in percent")
    axes.set_title(title)
    axes.legend(title="PERCIST response, else EORTC", frameon=False)
    _kept(figure, path, title, alt)


def _sheet(rows: int) -> tuple[Figure, Axes]:
    """A figure of its own, without the state that pyplot keeps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, max(2.5, 0.38 * rows + 1.4)), layout="constrained")
    return figure, figure.subplots()


def _named(axes: Axes, names: Sequence[str], measured: str, title: str) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(measured)
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)


def _kept(figure: Figure, path: Path, title: str, alt: str) -> None:
    """The picture as PNG and SVG, both with their text inside, and the same bytes for the same counts."""
    import matplotlib as mpl

    figure.savefig(path.with_suffix(".png"), dpi=150, metadata={"Title": title, "Description": alt})
    with mpl.rc_context({"svg.hashsalt": "cohort", "svg.fonttype": "none"}):
        figure.savefig(path.with_suffix(".svg"), metadata={"Title": title, "Description": alt, "Date": None})
