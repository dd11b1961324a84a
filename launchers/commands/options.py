"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Formulas = Annotated[
    list[str], typer.Argument(help="Formulas or composites, e.g. '16 Li6PS5Cl + Li10GeP2S12'.")
]
OptionalFormulas = Annotated[
    list[str] | None,
    typer.Argument(help="Formulas or composites, e.g. '16 Li6PS5Cl + Li10GeP2S12'."),
]
FormulaFile = Annotated[
    Path | None,
    typer.Option("--file", help="File of formulas, one a line (# starts a comment); - for stdin."),
]
Excluded = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="Phase (formula or id) to leave out; may be repeated."),
]
EngineName = Annotated[str, typer.Option("--engine", help="Engine for energies and forces.")]
Preset = Annotated[
    str, typer.Option("--preset", help="smallest (cells for DFT), quick or standard.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; default MISEI_WORKERS or 2.")
]
RunDir = Annotated[
    Path | None, typer.Option("--run-dir", help="Results folder; default MISEI_RUN_DIR or runs.")
]
ClusterFile = Annotated[
    Path | None,
    typer.Option(
        "--cluster", help="Run on a cluster's queue (file of `misei cluster`); or MISEI_CLUSTER."
    ),
]
Crystal = Annotated[
    str, typer.Argument(help="Formula of the source, or a structure file (CIF, POSCAR).")
]
Mechanism = Annotated[
    str, typer.Option(help="vacancy, or interstitial (a Li more, from void to void).")
]
Cutoff = Annotated[float, typer.Option(min=1.0, help="Longest hop, angstrom.")]
CampaignFile = Annotated[
    Path | None,
    typer.Argument(help="Campaign file; by default the campaign screened last in this folder."),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        min=0.0,
        help="K: add the free energies that `misei vibrations` stored; where one is missing, the "
        "result is at 0 K and says so.",
    ),
]
SigmaMetal = Annotated[
    float | None, typer.Option(help="Of the metal's paths, S/cm; default that of Li metal.")
]
SigmaInsulator = Annotated[
    float | None, typer.Option(help="Electronic, of the rest, S/cm; default that of Li2S.")
]
Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        help="Energies: bundled, mp (live Materials Project), mp-cache (see `misei mp sync`); "
        "default MISEI_SOURCE or bundled.",
    ),
]

# A formula that starts with a minus is a wrong formula, not an unknown option.
NEGATIVE_NUMBERS = {"ignore_unknown_options": True}
