"""Commands on the cache of Materials Project data: misei mp sync, misei mp list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from misei.launchers.commands import console
from misei.launchers.commands.options import NEGATIVE_NUMBERS, AsJson, FormulaFile, OptionalFormulas

mp_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="The cache of Materials Project data, which --source mp-cache reads without network.\n\n"
    "[bold]Examples[/bold]\n\nmisei mp sync Li6PS5Cl Li10GeP2S12\n\nmisei mp list",
)

CacheDir = Annotated[
    Path | None,
    typer.Option("--cache", help="Cache folder; default MISEI_MP_CACHE_DIR or ~/.cache/misei/mp."),
]


@mp_app.command("sync", context_settings=NEGATIVE_NUMBERS)
@console.one_line_errors
def sync_cache(
    formulas: OptionalFormulas = None,
    chemsys: Annotated[
        list[str] | None,
        typer.Option("--chemsys", help="Chemical system, e.g. Li-P-S-Cl; may be repeated."),
    ] = None,
    file: FormulaFile = None,
    thermo_type: Annotated[
        str | None,
        typer.Option(help="GGA_GGA+U or R2SCAN; default MISEI_MP_THERMO_TYPE or GGA_GGA+U."),
    ] = None,
    cache: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Fetch chemical systems, all their subsystems included, that the cache lacks.

    Formulas of electrolytes stand for their elements and Li; a composite, which needs all of its
    elements together, is one argument ('4 Li6PS5Cl + Li10GeP2S12'). The API key is read
    from MISEI_MP_API_KEY or MP_API_KEY. A run that was stopped goes on where it was; nothing is
    fetched twice. A new version of the database gets a folder of its own.

    [bold]Examples[/bold]

    misei mp sync Li6PS5Cl Li10GeP2S12

    misei mp sync --chemsys Li-P-S-Cl --chemsys Li-Ge-P-S

    misei mp sync --file electrolytes.txt --thermo-type R2SCAN --json
    """
    from misei.launchers import mp

    systems = mp.wanted_systems(chemsys or [], formulas or [], file)
    report, folder = mp.sync_systems(systems, thermo_type, cache)
    result = mp.sync_result(report, folder, systems)
    for line in mp.notices(report, folder, systems):
        console.err.print(line, soft_wrap=True)
    if as_json:
        console.print_json(result)
        return
    print(
        f"{len(report.fetched)} chemical systems fetched, {len(report.present)} already there, "
        f"{result['entries']} entries: {report.thermo_type}, version {report.database_version}, "
        f"in {folder.path}"
    )


@mp_app.command("list")
@console.one_line_errors
def list_systems(cache: CacheDir = None, as_json: AsJson = False) -> None:
    """List what the cache holds, by thermo type and version of the database.

    [bold]Examples[/bold]

    misei mp list

    misei mp list --cache mp_data --json
    """
    from misei.launchers import mp

    folder, rows = mp.list_cache(cache)
    if as_json:
        console.print_json(mp.as_rows(rows))
        return
    if not rows:
        console.out.print(
            f"{folder} holds nothing yet; fetch some with e.g. `misei mp sync Li6PS5Cl`"
        )
        return
    columns = ["thermo type", "version", "first fetched", "last fetched", "systems", "entries"]
    console.print_table(f"Materials Project data in {folder}", columns, [
        list(row.values()) for row in mp.as_rows(rows)
    ])  # fmt: skip
