"""Reductions of many electrolytes as rows, one by one as they are found (CSV, JSON lines)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from misei.screening.entries import MissingDataError
from misei.screening.formulas import FormulaError
from misei.screening.schemas_thermodynamics import ReductionDoc
from misei.screening.thermodynamics import DECIMALS

RowFormat = Literal["csv", "jsonl"]
ROW_FORMATS: tuple[RowFormat, ...] = ("csv", "jsonl")

# Column of the CSV: field of the document.
COLUMNS = {
    "e_above_hull (eV/atom)": "e_above_hull",
    "reduction_potential (V vs Li/Li+)": "reduction_potential",
    "reduction_potential_error (V)": "reduction_potential_error",
    "oxidation_potential (V vs Li/Li+)": "oxidation_potential",
    "oxidation_potential_error (V)": "oxidation_potential_error",
    "li_uptake_0V (mol/f.u.)": "li_uptake_0V",
    "reaction_energy_0V (eV/atom)": "reaction_energy_0V",
    "volume_change_0V (fraction)": "volume_change_0V",
    "products_0V (mol/f.u.)": "products_0V",
    "excluded_phases": "excluded_phases",
}
SOURCE_COLUMNS = ("name", "version", "protocol", "temperature", "electrolyte")
HEADER = ["formula", *COLUMNS, *(f"source_{name}" for name in SOURCE_COLUMNS), "error"]


@dataclass(frozen=True)
class Failure:
    """A formula that could not be reduced, and why."""

    formula: str
    error: str


def reduce_each(
    formulas: Iterable[str], reduce_one: Callable[[str], ReductionDoc]
) -> Iterator[ReductionDoc | Failure]:
    """Reduce formulas one after the other; a bad one gives a Failure and stops nothing."""
    for formula in formulas:
        try:
            yield reduce_one(formula)
        except (FormulaError, MissingDataError) as error:
            yield Failure(formula, str(error))


def read_formulas(lines: Iterable[str]) -> Iterator[str]:
    """Return the formulas of a text, one a line; what follows ``#`` and empty lines are skipped."""
    for line in lines:
        if formula := line.partition("#")[0].strip():
            yield formula


def header(row_format: RowFormat) -> str:
    """Return the line before the rows; JSON lines have none."""
    return _csv_line(HEADER) if row_format == "csv" else ""


def row(result: ReductionDoc | Failure, row_format: RowFormat) -> str:
    """Return one result as a line of text, line end included."""
    if row_format == "jsonl":
        document = (
            {"formula": result.formula, "error": result.error}
            if isinstance(result, Failure)
            else result.model_dump(mode="json")
        )
        return json.dumps(document) + "\n"
    if isinstance(result, Failure):
        return _csv_line([result.formula, *[""] * (len(HEADER) - 2), result.error])
    values = [_cell(getattr(result, field)) for field in COLUMNS.values()]
    return _csv_line(
        [result.formula, *values, *(result.source.get(name, "") for name in SOURCE_COLUMNS), ""]
    )


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return " + ".join(f"{amount:g} {phase}" for phase, amount in value.items())
    if isinstance(value, list):
        return "; ".join(value)
    return round(value, DECIMALS) if isinstance(value, float) else value


def _csv_line(values: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
