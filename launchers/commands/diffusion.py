"""The commands misei diffusivity and misei plot arrhenius."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from misei.launchers.commands import console
from misei.launchers.commands.figures import Output, write
from misei.launchers.commands.options import (
    AsJson,
    Cutoff,
    EngineName,
    Mechanism,
    Preset,
    RunDir,
    Source,
    Workers,
)

if TYPE_CHECKING:
    from pathlib import Path

    from misei.screening.schemas_diffusion import DiffusionDoc

Alloys = Annotated[
    list[str], typer.Argument(help="Formulas of the source, or structure files (CIF, POSCAR).")
]
Temperatures = Annotated[
    list[float] | None,
    typer.Option("--temperature", help="K; may be repeated; default 250 to 600 K."),
]
AttemptFrequency = Annotated[
    float | None, typer.Option(help="nu* of all hops, THz; default 5 (see docs/diffusion.md).")
]
Vibrations = Annotated[
    bool,
    typer.Option(
        "--vibrations",
        help="nu* from the vibrations of the limiting hop (Vineyard); some hundred force "
        "evaluations.",
    ),
]
DefectFraction = Annotated[
    float | None,
    typer.Option(
        help="Vacancies per site (0 to 1) in place of the thermal ones, e.g. where the composition "
        "sets them (LiAl, LiGa, Li3Sb, Li3Bi)."
    ),
]
BarrierError = Annotated[
    float | None, typer.Option(help="Error of the barriers for intervals, eV; default 0.15.")
]


@console.one_line_errors
def diffusivity(
    alloys: Alloys,
    temperature: Temperatures = None,
    attempt_frequency: AttemptFrequency = None,
    vibrations: Vibrations = False,
    defect_fraction: DefectFraction = None,
    barrier_error: BarrierError = None,
    mechanism: Mechanism = "vacancy",
    cutoff: Cutoff = 5.0,
    engine: EngineName = "sevennet",
    preset: Preset = "quick",
    workers: Workers = None,
    run_dir: RunDir = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Diffusivity of Li over temperature, D* = f x_d D_d, with every factor stated.

    The barriers are those of `misei barrier` with the same options; they are
    computed where they are missing.

    [bold]Examples[/bold]

    misei diffusivity Li2O LiF

    misei diffusivity LiAl --defect-fraction 0.02 --temperature 300 --temperature 400 --json

    misei diffusivity Li2S --vibrations
    """
    documents = _documents(
        alloys, temperature, attempt_frequency, vibrations, defect_fraction, barrier_error,
        mechanism, cutoff, engine, preset, workers, run_dir, source,
    )  # fmt: skip
    if as_json:
        console.print_json([console.plain(document) for document in documents])
    else:
        print_diffusivities(documents)


@console.one_line_errors
def arrhenius(
    alloys: Alloys,
    output: Output,
    temperature: Temperatures = None,
    attempt_frequency: AttemptFrequency = None,
    vibrations: Vibrations = False,
    defect_fraction: DefectFraction = None,
    barrier_error: BarrierError = None,
    mechanism: Mechanism = "vacancy",
    cutoff: Cutoff = 5.0,
    engine: EngineName = "sevennet",
    preset: Preset = "quick",
    workers: Workers = None,
    run_dir: RunDir = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Arrhenius plot of Li diffusivities: tracers and single defects, with intervals.

    [bold]Examples[/bold]

    misei plot arrhenius Li2O LiF -o arrhenius.png

    misei plot arrhenius LiAl Li15Si4 --defect-fraction 0.02 -o arrhenius.html
    """
    from misei.screening.plots.diffusion import arrhenius_plot
    from misei.screening.plots.files import check_plot_paths

    check_plot_paths(output)
    documents = _documents(
        alloys, temperature, attempt_frequency, vibrations, defect_fraction, barrier_error,
        mechanism, cutoff, engine, preset, workers, run_dir, source,
    )  # fmt: skip
    write(arrhenius_plot(documents), output, as_json)


def _documents(
    alloys: list[str],
    temperatures: list[float] | None,
    attempt_frequency: float | None,
    vibrations: bool,
    defect_fraction: float | None,
    barrier_error: float | None,
    mechanism: str,
    cutoff: float,
    engine: str,
    preset: str,
    workers: int | None,
    run_dir: Path | None,
    source: str | None,
) -> list[DiffusionDoc]:
    from misei.launchers.prefactors import run_prefactor
    from misei.launchers.single import run_barrier
    from misei.screening import diffusion

    # What is wrong is said before hours of barriers.
    if vibrations and attempt_frequency is not None:
        raise diffusion.DiffusionInputError("give --attempt-frequency or --vibrations, not both")
    frequency = diffusion.DEFAULT_ATTEMPT_FREQUENCY
    if attempt_frequency is not None:
        frequency = diffusion.checked_frequency(attempt_frequency)
    error = diffusion.DEFAULT_BARRIER_ERROR if barrier_error is None else barrier_error
    grid = temperatures or diffusion.DEFAULT_TEMPERATURES
    diffusion.check_inputs(grid, defect_fraction, error)
    documents = []
    for alloy in alloys:
        found = run_barrier(
            alloy, engine, preset, workers, run_dir, source, mechanism=mechanism, cutoff=cutoff
        )
        document = diffusion.diffusion(found, grid, frequency, defect_fraction, error)
        if vibrations and document.limiting_hop is not None:
            prefactor = run_prefactor(found, document.limiting_hop, workers, run_dir)
            document = diffusion.diffusion(found, grid, prefactor, defect_fraction, error)
        documents.append(document)
    return documents


def print_diffusivities(documents: list[DiffusionDoc]) -> None:
    """Print D at 300 K with every factor, then D at all temperatures."""
    engines = ", ".join(sorted({document.engine for document in documents}))
    console.print_table(
        f"Li diffusion at 300 K ({engines})",
        [
            "alloy", "mechanism", "E_m (eV)", "E_f (eV)", "nu* (THz)", "g", "limiting hop", "f",
            "x_d", "D_d (cm2/s)", "D* (cm2/s)", "interval of D* (cm2/s)", "E_a of D* (eV)",
            "D0 of D* (cm2/s)",
        ],
        [_row(document) for document in documents],
    )  # fmt: skip
    for document in documents:
        rows: list[list[object]] = [
            [f"{temperature:g}", _small(defect)]
            for temperature, defect in zip(
                document.temperatures_K, document.defect_diffusivities, strict=True
            )
        ]
        for row, tracer in zip(rows, document.tracer_diffusivities or (), strict=False):
            row.append(_small(tracer))
        columns = ["T (K)", "D_d (cm2/s)", "D* (cm2/s)"]
        console.print_table(f"{document.alloy} over temperature", columns[: len(rows[0])], rows)
        console.out.print(
            f"nu* {document.attempt_frequency_origin}; f {document.correlation_origin}; x_d "
            f"{document.defect_fraction_origin}; interval: barriers off by "
            f"{document.barrier_error:g} eV"
        )
        for warning in document.warnings:
            console.out.print(f"Note: {warning}", style="yellow")


def _row(document: DiffusionDoc) -> list[object]:
    room = document.temperatures_K.index(300.0)
    factors, fractions = document.correlation_factors, document.defect_fractions
    interval, fit = document.tracer_interval_300K, document.tracer_fit
    return [
        document.alloy,
        document.mechanism,
        document.migration_barrier,
        document.formation_energy,
        f"{document.attempt_frequency:.3g}",
        document.geometry_factor,
        document.limiting_hop,
        None if factors is None else factors[room],
        "structural" if fractions is None else _small(fractions[room]),
        _small(document.defect_diffusivity_300K),
        _small(document.tracer_diffusivity_300K),
        None if interval is None else " to ".join(f"{value:.1e}" for value in interval),
        None if fit is None else fit.activation_energy,
        None if fit is None else _small(fit.prefactor),
    ]


def _small(value: float | None) -> str | None:
    return None if value is None else f"{value:.2e}"
