"""The command misei vibrations: harmonic free energies and dynamical stability."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from misei.launchers.commands import console
from misei.launchers.commands.options import AsJson, EngineName, RunDir, Source, Workers

if TYPE_CHECKING:
    from misei.launchers.vibrations import VibrationsRun
    from misei.screening.schemas_vibrations import VibrationsDoc

ROOM_TEMPERATURE = 300.0  # K
NOT_IN_JSON = {"structure", "bands", "density"}


@console.one_line_errors
def vibrations(
    phases: Annotated[
        list[str] | None,
        typer.Argument(help="Formulas (lowest polymorph) or ids of the source."),
    ] = None,
    system: Annotated[
        list[str] | None,
        typer.Option(help="Chemical system, e.g. Li-Al: all phases that compete in it."),
    ] = None,
    engine: EngineName = "sevennet-l3i5",
    workers: Workers = None,
    run_dir: RunDir = None,
    source: Source = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            help="Bands and density of states as .png, .svg or .pdf; of several phases one file "
            "each, their ids added to the name.",
        ),
    ] = None,
    min_length: Annotated[
        float,
        typer.Option(min=0.0, help="Least distance of periodic images in the supercell, angstrom."),
    ] = 12.0,
    as_json: AsJson = False,
) -> None:
    """Vibrations of phases: free energy F_vib(T), lowest frequency, dynamical stability.

    Results stay in the store, where `misei reduce --temperature` finds them. It
    needs all competing phases of a chemical system (--system), by one engine.

    [bold]Examples[/bold]

    misei vibrations LiAl Al Li-229

    misei vibrations --system Li-Al --engine sevennet

    misei vibrations LiAl --engine sevennet --plot bands.png

    misei vibrations Li-229 --engine gpaw-fast --min-length 8
    """
    from misei.launchers.vibrations import plot_bands, run_vibrations
    from misei.screening.vibration_plots import check_band_path

    if plot is not None:
        check_band_path(plot)
    run = run_vibrations(phases or [], system or [], engine, workers, run_dir, source, min_length)
    if as_json:
        console.print_documents(run.documents.values(), NOT_IN_JSON)
    else:
        _print(run)
    for file in plot_bands(run, plot) if plot else []:
        console.err.print(str(file), soft_wrap=True)
    console.exit_if_failed(run.failed)


def _print(run: VibrationsRun) -> None:
    from misei.screening.schemas_vibrations import at

    engines = ", ".join(sorted({d.engine for d in run.documents.values()}))
    console.print_table(
        f"Harmonic vibrations ({engines})",
        [
            "phase",
            "zero-point energy (meV/atom)",
            f"F_vib at {ROOM_TEMPERATURE:g} K (meV/atom)",
            "lowest frequency (THz)",
            "at q",
            "imaginary modes",
            "dynamically stable",
            "modes left out (%)",
            "supercell (atoms)",
            "converged",
        ],
        [
            [
                entry_id,
                None if d.zero_point_energy is None else 1000 * d.zero_point_energy,
                1000 * d.free_energy(ROOM_TEMPERATURE),
                d.lowest_frequency,
                at(d.lowest_frequency_q),
                d.imaginary_modes,
                d.dynamically_stable,
                100 * d.omitted_fraction,
                d.supercell_natoms,
                d.converged,
            ]
            for entry_id, d in run.documents.items()
        ],
    )
    if any(d.imaginary or d.imaginary_on_path for d in run.documents.values()):
        _print_imaginary(run.documents)
    for document in run.documents.values():
        for warning in document.warnings:
            console.out.print(f"Note: {warning}", style="yellow")
    for name, missing in run.missing.items():
        verdict = f"stays at 0 K, missing: {', '.join(missing)}" if missing else "is complete"
        console.out.print(f"{name} {verdict}")


def _print_imaginary(documents: dict[str, VibrationsDoc]) -> None:
    """Print the imaginary modes with their q points, computed and interpolated ones apart."""
    tolerances = sorted({f"{d.imaginary_tolerance:g}" for d in documents.values()})
    console.print_table(
        f"Imaginary modes, below -{', -'.join(tolerances)} THz (negative: imaginary)",
        ["phase", "q (reciprocal vectors)", "frequency (THz)", "modes", "forces"],
        [
            [entry_id, mode.at, mode.frequency, mode.count, origin]
            for entry_id, document in documents.items()
            for origin, modes in (
                ("computed: fits the supercell", document.imaginary),
                ("interpolated, on the band path", document.imaginary_on_path),
            )
            for mode in modes
        ],
    )
