"""Checks of VASP: its command, its potentials, and whether its binary has the VTST code."""

from __future__ import annotations

import mmap
import shlex
import shutil
from collections.abc import Callable, Iterator
from os.path import expandvars
from pathlib import Path
from typing import Any

from misei.launchers.doctor.findings import Finding, failed, ok, skipped, warning
from misei.workflows.vasp_setup import (
    VaspSetupError,
    check_incar_updates,
    check_potcars,
    vasp_commands,
    vasp_settings,
)

# Of every screening of Li; the electrolyte's and the metals' are asked for as jobs need them.
POTENTIALS = ["Li_sv"]
# VTST writes its version into each OUTCAR; the format stands in the binary.
VTST_MARK = b"VTST: version"
ELF = b"\x7fELF"


def check_vasp() -> Iterator[Finding]:
    """Command, potentials, tags for all jobs, VTST; VASP itself is not started."""
    try:
        settings = vasp_settings()
    except VaspSetupError as error:
        yield failed("VASP settings", str(error), "docs/vasp.md lists the settings")
        return
    command = _row("VASP command", vasp_commands, lambda found: found[0])
    yield command
    yield _row(
        "POTCARs",
        lambda: check_potcars(POTENTIALS, settings.potcars),
        lambda _: f"{', '.join(POTENTIALS)} of {settings.potcars} (MISEI_VASP_POTCARS)",
    )
    yield _row("INCAR tags", check_incar_updates, lambda _: "none that change results")
    yield _vtst(vasp_commands()[0] if command.state == "ok" else "", settings.vtst)
    yield skipped(
        "evaluation",
        "VASP runs as jobs of their own",
        "a static of your alloy shows whether it runs",
    )


def _row(what: str, look: Callable[[], Any], found: Callable[[Any], str]) -> Finding:
    try:
        return ok(what, found(look()))
    except VaspSetupError as error:  # what is wrong; what to do
        problem, _, to_do = str(error).partition("; ")
        return failed(what, problem, to_do or "do as it says")


def _vtst(command: str, expected: bool) -> Finding:
    """Compare MISEI_VASP_VTST with what the binary holds, where that can be read."""
    said = f"MISEI_VASP_VTST={str(expected).lower()}"
    found = has_vtst(command)
    if found is None:
        return skipped(
            "VTST", f"{said}; no binary to look into", "`grep VTST OUTCAR` of a run says"
        )
    if found == expected:
        return ok("VTST", f"{said}, as the binary")
    if found:
        to_do = "set MISEI_VASP_VTST=true: the highest image of a band climbs"
        return warning("VTST", f"{said}, and the binary has the code", to_do)
    to_do = (
        "set MISEI_VASP_VTST=false, or build VASP with the code of theory.cm.utexas.edu/vtsttools"
    )
    return failed("VTST", f"{said}, and the binary has no such code", to_do)


def has_vtst(command: str) -> bool | None:
    """Whether the binary of a command holds the VTST code; None where that cannot be said.

    Parameters
    ----------
    command
        With or without an MPI launcher in front; the last program in it counts.
    """
    words = reversed(shlex.split(expandvars(command)))
    program = next((path for word in words if (path := shutil.which(word))), None)
    if program is None:
        return None
    with Path(program).open("rb") as file:
        if file.read(len(ELF)) != ELF:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(VTST_MARK) >= 0
