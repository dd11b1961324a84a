"""Write a ranking to CSV, JSON or Markdown, with units and provenance."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from misei.screening.provenance import UNITS, comparison_frame, provenance
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_ranking import RankedAlloy, Ranking, Rejection

DECIMALS = 6
FORMATS = ("csv", "json", "markdown")
# An interval takes two columns; these are their names and that of the quantity with its unit.
INTERVALS = {
    "rank_interval": ("rank_best", "rank_worst", "rank"),
    "wetting_ratio_interval": ("wetting_ratio_low", "wetting_ratio_high", "wetting_ratio"),
    "migration_barrier_interval": (
        "migration_barrier_low", "migration_barrier_high", "migration_barrier",
    ),
}  # fmt: skip


class ExportError(ValueError):
    """An unknown format of export."""


def export_ranking(
    ranking: Ranking,
    format_name: str,
    path: Path,
    source: Mapping[str, str],
    adhesions: Sequence[AdhesionDoc],
) -> list[Path]:
    """Write a ranking, with the rejected candidates.

    Parameters
    ----------
    ranking
        What to write.
    format_name
        ``csv``, ``json`` or ``markdown``. CSV puts the rejected candidates into a second file,
        ``<stem>_rejected.csv``, and the provenance into leading lines that start with ``#``
        (``pandas.read_csv(path, comment="#")`` skips them).
    path
        File; its folder must exist. A finished file appears at once or not at all.
    source
        Name, version and protocol of the thermodynamic source.
    adhesions
        Documents behind the works of adhesion, for what the engine's surface energies are worth.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ExportError
        For an unknown format.
    """
    if format_name not in FORMATS:
        raise ExportError(f"unknown format {format_name!r}; valid: {', '.join(FORMATS)}")
    facts = provenance(ranking, source, adhesions)
    if format_name == "csv":
        rejected_path = path.with_name(f"{path.stem}_rejected.csv")
        write_atomically(path, _csv(ranking_frame(ranking), facts))
        write_atomically(rejected_path, _csv(rejected_frame(ranking), facts))
        return [path, rejected_path]
    text = _json(ranking, facts) if format_name == "json" else _markdown(ranking, facts)
    write_atomically(path, text)
    return [path]


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file (text as UTF-8) through one beside it, so that no half file is left."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def heading(name: str) -> str:
    """Return the heading of a column, with its unit: ``work_of_adhesion (J/m2)``."""
    quantity = next((q for low, high, q in INTERVALS.values() if name in (low, high)), name)
    return f"{name} ({UNITS[quantity]})" if quantity in UNITS else name


def ranking_frame(ranking: Ranking) -> pd.DataFrame:
    """Ranked candidates, best first; one column a number, with its unit in the heading.

    Columns of what no candidate has (phonons, moduli, a second engine) are left out.
    """
    names: list[str] = []
    for field, info in RankedAlloy.model_fields.items():
        optional = not info.is_required()
        if optional and all(getattr(c, field) is None for c in ranking.candidates):
            continue
        names += INTERVALS[field][:2] if field in INTERVALS else [field]
    rows = [_flat(candidate) for candidate in ranking.candidates]
    return pd.DataFrame(rows, columns=names).rename(columns=heading)


def _flat(candidate: RankedAlloy) -> dict[str, Any]:
    row = candidate.model_dump()
    for field, (low, high, _) in INTERVALS.items():
        row[low], row[high] = row.pop(field)
    return row


def rejected_frame(ranking: Ranking) -> pd.DataFrame:
    """Rejected candidates with gate, value and limit; the unit of both in its own column."""
    rows = [
        {
            "alloy": rejection.alloy,
            "gate": rejection.gate,
            "value": _rounded(rejection.value),
            "limit": _rounded(rejection.limit),
            "unit": UNITS.get(rejection.gate, ""),
        }
        for rejection in ranking.rejected
    ]
    return pd.DataFrame(rows, columns=[*Rejection.model_fields, "unit"])


def _rounded(value: float | str | None) -> float | str | None:
    # Numbers and words share these columns, which pandas does not round.
    return round(value, DECIMALS) if isinstance(value, float) else value


def _csv(frame: pd.DataFrame, facts: Mapping[str, str]) -> str:
    # Text is quoted, so that a '#' in it is not taken for a comment.
    comments = "".join(f"# {title}: {_one_line(text)}\n" for title, text in facts.items())
    table = frame.round(DECIMALS).to_csv(
        index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n"
    )
    return comments + table


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _json(ranking: Ranking, facts: Mapping[str, str]) -> str:
    intervals = {field: UNITS[q] for field, (_, _, q) in INTERVALS.items() if q in UNITS}
    content = {
        "provenance": dict(facts),
        "units": {**UNITS, **intervals},
        **json.loads(ranking.model_dump_json()),  # which writes NaN as null
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _markdown(ranking: Ranking, facts: Mapping[str, str]) -> str:
    return "\n".join(
        [
            "# Li alloys for MI-SEI: ranking",
            "",
            _markdown_table(ranking_frame(ranking)) if ranking.candidates else "None passed.",
            "",
            "## Rejected",
            "",
            _markdown_table(rejected_frame(ranking)) if ranking.rejected else "None.",
            "",
            *_markdown_comparison(ranking),
            "## Provenance",
            "",
            *(f"- **{title}**: {_one_line(text)}" for title, text in facts.items()),
            "",
        ]
    )


def _markdown_comparison(ranking: Ranking) -> list[str]:
    if ranking.comparison is None:
        return []
    heading = f"## Engines compared: {ranking.comparison.refine} minus {ranking.comparison.screen}"
    return [heading, "", _markdown_table(comparison_frame(ranking.comparison)), ""]


def _markdown_table(frame: pd.DataFrame) -> str:
    rows = [[str(name) for name in frame.columns], ["---"] * len(frame.columns)]
    rows += [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(value: object) -> str:
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return _one_line(text).replace("|", "\\|")
