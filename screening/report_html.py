"""HTML building blocks of the report: formulas, tables, figures, the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from pymatgen.util.string import htmlify

STYLE = """
:root { --ink: #1d2733; --soft: #5b6875; --line: #d9dfe5; --tint: #f5f7f9; --accent: #0072b2; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: #fff; color: var(--ink); line-height: 1.5;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.4rem; margin: 3rem 0 .6rem; padding-top: .9rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
p, li { max-width: 76ch; }
p.meta, figcaption, td.note { color: var(--soft); font-size: .9rem; }
a { color: var(--accent); }
nav ol { margin: 1.2rem 0 0; padding: .8rem 1.2rem .8rem 2.4rem; background: var(--tint);
  border-radius: 6px; columns: 2; }
.scroll { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; vertical-align: bottom; background: var(--tint);
  border-bottom: 2px solid var(--line); line-height: 1.3; }
td, th { padding: .38rem .7rem; }
td { border-bottom: 1px solid var(--line); vertical-align: top; }
td.num, th.num { text-align: right; }
td.num { white-space: nowrap; }
td.long { min-width: 14rem; overflow-wrap: anywhere; }
th small { font-weight: 400; color: var(--soft); white-space: nowrap; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(460px, 1fr)); gap: 1rem; }
figure { margin: .6rem 0; min-width: 0; overflow: hidden; break-inside: avoid; }
figure h3 { margin: 0; }
details { margin: .6rem 0 1rem; }
summary { cursor: pointer; color: var(--accent); }
.bad { color: #a33d00; font-weight: 600; }
@media (max-width: 700px) { .grid { grid-template-columns: 1fr; } nav ol { columns: 1; } }
@media print { main { max-width: none; padding: 0; } nav, .modebar { display: none; }
  body { font-size: 10pt; } h2 { break-after: avoid; } table { font-size: 8pt; }
  .scroll, figure { overflow: visible; } td, th { padding: .2rem .35rem; } }
"""
# As HTML and as a label of plotly.
WETTING_RATIO = "W<sub>ad</sub> / 2\u03b3<sub>Li</sub>"
NO_VALUE = "\u2013"
# Nothing leaves the reader's machine: plotly's default buttons include an upload to its cloud.
PLOT_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "modeBarButtons": [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
}
# A figure drawn while its row was still being read has the width of that moment.
RESIZE = """<script>window.addEventListener("load", () =>
  document.querySelectorAll(".js-plotly-plot").forEach((plot) => Plotly.Plots.resize(plot)));
</script>"""
FORMULA_TEXT = re.compile(r"[A-Za-z0-9().+ ]+")


@dataclass(frozen=True)
class Column:
    """Heading of a table column.

    Attributes
    ----------
    title
        What it holds, as HTML.
    unit
        Its unit; empty for text.
    kind
        Class of its cells: ``num`` is set to the right, ``long`` may wrap.
    """

    title: str
    unit: str = ""
    kind: str = "num"


def formula(text: str) -> str:
    """Return a formula or composite as safe HTML with subscripts (also for plotly labels)."""
    return htmlify(text) if FORMULA_TEXT.fullmatch(text) else escape(text)


def products(amounts: Mapping[str, float]) -> str:
    """Return phases with their moles as safe HTML: ``5 Li2S + Li3P``."""
    return " + ".join(
        formula(name) if f"{amount:.3g}" == "1" else f"{amount:.3g} {formula(name)}"
        for name, amount in amounts.items()
    )


def number(value: float | None, decimals: int = 2) -> str:
    """Return a number with fixed decimals, or a dash for None; no negative zero."""
    return NO_VALUE if value is None else f"{round(value, decimals) + 0.0:.{decimals}f}"


def interval(value: float, bounds: tuple[float, float], decimals: int = 2) -> str:
    """Return a number with its interval: ``1.20 (0.90 to 1.50)``."""
    low, high = (number(bound, decimals) for bound in bounds)
    return f"{number(value, decimals)} ({low} to {high})"


def yes_no(value: bool) -> str:
    """Return yes, or an emphasized no."""
    return "yes" if value else '<span class="bad">no</span>'


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are HTML, so that text of others must be escaped before."""
    head = "".join(
        f'<th scope="col" class="{column.kind}">{column.title}'
        + (f"<br><small>{column.unit}</small>" if column.unit else "")
        + "</th>"
        for column in columns
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{column.kind}">{cell}</td>'
            for column, cell in zip(columns, row, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def figure(plot: go.Figure, caption: str = "", title: str = "") -> str:
    """Return a figure; title and caption are HTML. The page brings plotly.js."""
    html = plot.to_html(full_html=False, include_plotlyjs=False, config=PLOT_CONFIG)
    head = f"<h3>{title}</h3>" if title else ""
    foot = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f"<figure>{head}{html}{foot}</figure>"


def grid(figures: Iterable[str]) -> str:
    """Return figures side by side where there is room."""
    return f'<div class="grid">{"".join(figures)}</div>'


def details(summary: str, content: str) -> str:
    """Return content that opens on a click; the summary is HTML."""
    return f"<details><summary>{summary}</summary>{content}</details>"


def bullets(items: Iterable[str]) -> str:
    """Return a list of HTML items."""
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def page(title: str, subtitle: str, sections: Mapping[str, str]) -> str:
    """Return the whole file, with plotly.js inside.

    Parameters
    ----------
    title
        Plain text.
    subtitle
        HTML.
    sections
        Heading (plain text) to HTML, in order.
    """
    links = "".join(
        f'<li><a href="#section-{i}">{escape(heading)}</a></li>'
        for i, heading in enumerate(sections, start=1)
    )
    body = "\n".join(
        f'<section id="section-{i}"><h2>{i}. {escape(heading)}</h2>\n{content}\n</section>'
        for i, (heading, content) in enumerate(sections.items(), start=1)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f'<script type="text/javascript">{get_plotlyjs()}</script>\n</head>\n<body>\n<main>\n'
        f'<header><h1>{escape(title)}</h1><p class="meta">{subtitle}</p></header>\n'
        f'<nav aria-label="Contents"><ol>{links}</ol></nav>\n{body}\n</main>\n'
        f"{RESIZE}\n</body>\n</html>\n"
    )
