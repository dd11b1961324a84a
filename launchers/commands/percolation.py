"""Commands about the metal's percolation: thresholds, calibrate, conductivity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from misei.launchers.commands import console
from misei.launchers.commands.grain_options import with_grain_options
from misei.launchers.commands.options import (
    AsJson,
    Excluded,
    Formulas,
    SigmaInsulator,
    SigmaMetal,
    Source,
)
from misei.launchers.tables import percolation as tables

if TYPE_CHECKING:
    from misei.screening.grains import Grains


@console.one_line_errors
@with_grain_options
def thresholds(
    grains: Grains,
    as_json: AsJson = False,
) -> None:
    """Percolation thresholds: of metal grains, and of models with published ones.

    [bold]Examples[/bold]

    misei thresholds --grain-diameter 3

    misei thresholds --size-ratio 2 --small-share 0.3 --json
    """
    from dataclasses import asdict

    from misei.screening.percolation import known_models, percolation_threshold

    threshold = percolation_threshold(grains)
    models = known_models()
    if as_json:
        console.print_json(
            {"grains": asdict(threshold), "models": [asdict(model) for model in models]}
        )
        return
    tables.print_thresholds(threshold, models)


@console.one_line_errors
def calibrate(
    seen: Annotated[
        list[str] | None,
        typer.Option(
            help="FORMULA=CLASS, the class (SEI, MI-SEI, MCI) seen in an experiment; may be "
            "repeated; default the four composites of Su et al. 2025."
        ),
    ] = None,
    tunnelling_length: Annotated[
        float | None, typer.Option(help="Gap that electrons tunnel across, nm; default 2.5.")
    ] = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Find the metal grains that percolate where an experiment says.

    The threshold lies between the largest metal fraction that did not percolate
    and the smallest that did; for bare grains that brackets grain diameter over
    tunnelling length. The result is what --grain-diameter and --spread take.

    [bold]Examples[/bold]

    misei calibrate

    misei calibrate --seen "8 Li6PS5Cl + Li3InCl6=MI-SEI" --seen "Li3InCl6=MCI"
    """
    from misei.launchers.sources import open_source
    from misei.screening.calibration import SU_2025, read_observation
    from misei.screening.calibration import calibrate as find_grains
    from misei.screening.grains import DEFAULT_GRAINS

    observations = [read_observation(text) for text in seen or ()] or SU_2025
    delta = DEFAULT_GRAINS.changed(tunnelling_length_nm=tunnelling_length).tunnelling_length_nm
    document = find_grains(open_source(source), observations, delta)
    if as_json:
        console.print_json(console.plain(document))
        return
    tables.print_calibration(document)


@console.one_line_errors
@with_grain_options
def conductivity(
    grains: Grains,
    formulas: Formulas,
    sigma_lithium: Annotated[
        float | None,
        typer.Option(
            help="Li-ion conductivity of the interphase, S/cm; needed for thickness and resistance."
        ),
    ] = None,
    sigma_metal: SigmaMetal = None,
    sigma_insulator: SigmaInsulator = None,
    hours: Annotated[float | None, typer.Option(help="Time of growth, h; default 1000.")] = None,
    exclude: Excluded = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Electronic conductivity of the interphase, its growth and its resistance to Li.

    Resistor networks of the grains give the conductivity below and above the
    percolation threshold; the percolation law and the mixing rule stand beside
    it. The thickness is that of parabolic growth, the resistance d / sigma_Li.

    [bold]Examples[/bold]

    misei conductivity "16 Li6PS5Cl + Li10GeP2S12" Li10GeP2S12

    misei conductivity Li6PS5Cl Li10GeP2S12 --sigma-lithium 1e-6 --hours 100 --json
    """
    from misei.launchers.sources import open_source
    from misei.screening.transport import DEFAULT_TRANSPORT, interphase_transport

    inputs = DEFAULT_TRANSPORT.changed(
        sigma_metal=sigma_metal,
        sigma_insulator=sigma_insulator,
        sigma_lithium=sigma_lithium,
        time_h=hours,
    )
    entries = open_source(source)
    documents = [
        interphase_transport(formula, entries, inputs, grains, exclude or ())
        for formula in formulas
    ]
    if as_json:
        console.print_json([console.plain(document) for document in documents])
        return
    tables.print_transport(documents)
