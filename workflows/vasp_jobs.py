"""Relaxations and statics by VASP as jobs: atomate2's writing, running and reading of files.

atomate2's makers leave two things open that matter here: VASP wants its atoms sorted by element
and gives them back wrapped into the cell, while flows know atoms by their place in a list; and a
run that custodian gave up is an error without a word on why.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from atomate2 import SETTINGS as ATOMATE2
from atomate2.common.files import gzip_output_folder
from atomate2.vasp.files import write_vasp_input_set
from atomate2.vasp.jobs.base import _FILES_TO_ZIP, BaseVaspMaker
from atomate2.vasp.run import JobType, run_vasp
from custodian.custodian import CustodianError
from emmet.core.tasks import TaskDoc
from emmet.core.types.enums import TaskState
from jobflow import job
from monty.serialization import loadfn
from pydantic import Field
from pymatgen.core import Structure

from misei.workflows.vasp_folders import (
    ionic_steps_before,
    last_geometry,
    set_aside,
    unwrapped,
    write_start,
)
from misei.workflows.vasp_inputs import PresetSet
from misei.workflows.vasp_setup import check_incar_updates, check_potcars, vasp_commands

_SPOKEN = ("vasp.out", "std_err.txt")


class VaspRunError(RuntimeError):
    """VASP ended without a result, and why."""


class VaspTaskDoc(TaskDoc):
    """emmet's document with atoms in the order of the job's input, of the last ionic step alone."""

    force_evaluations: int = Field(
        default=0, description="Ionic steps of this job, corrected and killed runs included."
    )
    unconverged: list[str] = Field(
        default_factory=list, description="What did not converge, and why; empty: all did."
    )


def element_order(structure: Structure) -> list[int]:
    """Return the order in which pymatgen's input sets write the sites of a structure."""
    return sorted(range(len(structure)), key=lambda index: structure[index])


def bare_sites(structure: Structure, order: list[int]) -> Structure:
    """Return a structure in another order, without site properties such as moments."""
    return Structure(
        structure.lattice,
        [structure[index].specie for index in order],
        structure.frac_coords[order],
    )


@dataclass
class VaspMaker(BaseVaspMaker):  # type: ignore[misc]
    """Relaxation or static of one structure.

    Attributes
    ----------
    name
        Name of the job.
    input_set_generator
        Preset.
    """

    name: str = "vasp"
    input_set_generator: PresetSet = field(default_factory=PresetSet)  # type: ignore[assignment]

    @job(output_schema=VaspTaskDoc)
    def make(self, structure: Structure, prev_dir: str | None = None) -> VaspTaskDoc:
        """Run VASP in the working folder.

        Parameters
        ----------
        structure
            Its order of atoms is kept in the document.
        prev_dir
            Ignored: what flows of atomate2 hand on.
        """
        folder, preset = Path.cwd(), self.input_set_generator
        order = element_order(structure)
        given = bare_sites(structure, order)
        check_inputs(given, preset)
        set_aside(folder)
        moves = preset.task in ("cell", "ions")
        started = last_geometry(given, folder) if moves else given
        write_start(given, folder)
        write_vasp_input_set(started, preset)  # type: ignore[arg-type]
        run_kwargs = dict(self.run_vasp_kwargs)
        if preset.task == "cell" and self._has_free_cell(preset):
            # As the Materials Project does: the plane waves of a cell that has changed are not
            # those of its cut-off. custodian would take 0.05 eV/angstrom for the second run.
            run_kwargs["job_type"] = JobType.DOUBLE_RELAXATION
            run_kwargs["vasp_job_kwargs"] = {"ediffg": -preset.fmax}
        run_custodian(folder, run_kwargs)
        document = VaspTaskDoc.from_directory(folder, store_additional_json=False)
        document.task_label = self.name
        gzip_output_folder(folder, ATOMATE2.VASP_ZIP_FILES, _FILES_TO_ZIP)
        return restored(document, structure, order, folder)

    @staticmethod
    def _has_free_cell(preset: PresetSet) -> bool:
        return bool(preset.incar.get("ISIF") == 3)


def check_inputs(structure: Structure, preset: PresetSet) -> None:
    """Check that all that a structure's inputs need is there, and give it to the preset.

    Raises
    ------
    VaspSetupError
        When the program or a potential is missing.
    """
    vasp_commands()
    check_incar_updates()
    preset.structure = structure
    check_potcars(preset.potcar_symbols, str(preset.potcar_functional))


def run_custodian(folder: Path, run_vasp_kwargs: dict[str, Any]) -> None:
    """Run VASP under custodian's eyes.

    A relaxation that still moves after all its steps and continuations is left to whoever reads
    the document.

    Raises
    ------
    VaspRunError
        When there is no usable result.
    """
    command, gamma_command = vasp_commands()
    try:
        run_vasp(vasp_cmd=command, vasp_gamma_cmd=gamma_command, **run_vasp_kwargs)
    except CustodianError as error:
        if _only_ionic_steps_ran_out(folder):
            return
        raise VaspRunError(what_happened(folder, error)) from error


def _only_ionic_steps_ran_out(folder: Path) -> bool:
    document: Any = _read(folder)
    if document is None:
        return False
    last = document.calcs_reversed[0]
    return electronically_converged(last) and ran_out_of_steps(last)


def _read(folder: Path) -> VaspTaskDoc | None:
    try:
        return VaspTaskDoc.from_directory(folder, store_additional_json=False)
    except Exception:  # whatever is wrong with the files, there is no result in them
        return None


def electronically_converged(calculation: Any) -> bool:
    """Whether the last ionic step of a calculation ended before its largest number of steps."""
    last = calculation.output.ionic_steps[-1]
    return len(last.electronic_steps or []) < int(calculation.input.parameters["NELM"])


def ran_out_of_steps(calculation: Any) -> bool:
    """Whether a relaxation took all its ionic steps."""
    steps = int(calculation.input.parameters.get("NSW", 0))
    return 0 < steps <= len(calculation.output.ionic_steps)


def what_happened(folder: Path, error: CustodianError) -> str:
    """One line on a run that custodian gave up: what it tried, and what VASP said last."""
    corrections = _corrections(folder)
    tried = f" after correcting {', '.join(corrections)}" if corrections else ""
    said = [f"{file}: {line}" for file in _SPOKEN if (line := _end(folder / file))]
    found = _read(folder)
    reasons = _unconverged(found) if found is not None else []
    text = "; ".join([*reasons, *said, f"files in {folder}"])
    return f"VASP gave no result{tried} ({_first_sentence(str(error))}): {text}"


def _first_sentence(text: str) -> str:
    if "VasprunXMLValidator" in text:
        return "it crashed or was killed: vasprun.xml is cut short"
    # custodian shows handlers with their address in memory.
    return re.sub(r"<\S*?(\w+) object at \w+>", r"\1", text).split(". ")[0].rstrip(".")


def _corrections(folder: Path) -> list[str]:
    file = folder / "custodian.json"
    if not file.exists():
        return []
    found = [c["errors"] for run in loadfn(file, cls=None) for c in run["corrections"]]
    return [*dict.fromkeys(str(text) for errors in found for text in errors)]


def _end(file: Path) -> str:
    if not file.is_file():
        return ""
    with file.open(errors="replace") as lines:
        last = deque((line.strip() for line in lines if line.strip()), maxlen=1)
    return last[0][:200] if last else ""


def restored(document: Any, structure: Structure, order: list[int], folder: Path) -> VaspTaskDoc:
    """Return the document with atoms as the job was given them, without all but the last step.

    Parameters
    ----------
    document
        Of a folder, atoms sorted by element and wrapped into the cell.
    structure
        What the job was given.
    order
        In which it was written.
    folder
        Of the job.
    """
    place = np.argsort(order)
    relaxed = unwrapped(bare_sites(document.output.structure, place.tolist()), structure)
    calculations = document.calcs_reversed
    steps = sum(len(calculation.output.ionic_steps) for calculation in calculations)
    document.force_evaluations = steps + ionic_steps_before(folder)
    document.unconverged = _unconverged(document)
    document.structure = relaxed
    document.output.structure = relaxed
    document.output.forces = np.array(document.output.forces)[place].tolist()
    document.input.structure = bare_sites(structure, list(range(len(structure))))
    for calculation in calculations:
        # A hundred steps of a hundred atoms would fill a document of MongoDB.
        calculation.output.ionic_steps = calculation.output.ionic_steps[-1:]
    return cast(VaspTaskDoc, document)


def _unconverged(document: Any) -> list[str]:
    last = document.calcs_reversed[0]
    reasons = []
    if not electronically_converged(last):
        reasons.append(f"electronic steps ran out (NELM {last.input.parameters['NELM']})")
    if ran_out_of_steps(last):
        reasons.append(f"ionic steps ran out (NSW {last.input.parameters['NSW']})")
    if not reasons and document.state is not TaskState.SUCCESS:
        reasons += document.analysis.errors or ["emmet calls the run failed"]
    return reasons
