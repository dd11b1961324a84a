"""Saddles by VASP's own nudged elastic band, as atomate2's NebFromImagesMaker runs it.

VASP holds the ends and relaxes the images between them side by side. With the VTST code the
highest image climbs to the saddle. Without it none does: the band's top is then a lower bound,
and the path is converged only where its highest image happens to stand on the saddle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from atomate2.vasp.jobs.neb import NebFromImagesMaker
from atomate2.vasp.run import JobType
from custodian.custodian import CustodianError
from jobflow import Maker, job
from pymatgen.core import Structure

from misei.screening.schemas import Provenance
from misei.screening.schemas_paths import PathDoc, PathGuess, PathState
from misei.workflows.saddle_images import path_length
from misei.workflows.saddle_settings import SaddleSettings
from misei.workflows.vasp_folders import (
    ionic_steps_before,
    last_geometry,
    set_aside,
    unwrapped,
    write_start,
)
from misei.workflows.vasp_inputs import PresetSet
from misei.workflows.vasp_jobs import (
    VaspRunError,
    bare_sites,
    check_inputs,
    electronically_converged,
    element_order,
    ran_out_of_steps,
    what_happened,
)
from misei.workflows.vasp_setup import vasp_commands

# Forces in files are rounded.
ROUNDING = 1.02


@dataclass
class VaspSaddleMaker(Maker):
    """Search of one saddle by VASP's band.

    Attributes
    ----------
    name
        Name of the job.
    settings
        ``fmax`` and ``steps`` count; the shortcuts of the ASE search do not exist here.
    preset
        Input set of the task ``band``.
    engine, engine_version
        For the provenance.
    """

    name: str = "saddle"
    settings: SaddleSettings = field(default_factory=SaddleSettings)
    preset: PresetSet = field(default_factory=lambda: PresetSet(task="band"))
    engine: str = "vasp"
    engine_version: str = ""

    @job(output_schema=PathDoc)
    def make(self, guess: PathGuess) -> PathDoc:
        """Relax the band of a guess, with as many images as it has.

        Parameters
        ----------
        guess
            Path with relaxed ends. A symmetry of the hop is not used, and the search is never
            given up.
        """
        folder = Path.cwd()
        start = guess.previous.images if guess.previous else guess.images
        order = element_order(start[0])
        given = [bare_sites(image, order) for image in start]
        check_inputs(given[0], self.preset)
        set_aside(folder)
        images = [
            last_geometry(image, folder, f"{number:02}") for number, image in enumerate(given)
        ]
        for number, image in enumerate(given):
            write_start(image, folder, f"{number:02}")
        band = self._relaxed_band(images, folder)
        place = np.argsort(order).tolist()
        return self._document(guess, start, [bare_sites(s, place) for s in band.images], band)

    def _relaxed_band(self, images: list[Structure], folder: Path) -> Any:
        preset = self.preset
        command, gamma_command = vasp_commands()
        preset.steps = max(1, self.settings.steps // (len(images) - 2))
        maker = NebFromImagesMaker(
            input_set_generator=preset,  # type: ignore[arg-type]
            run_vasp_kwargs={
                "job_type": JobType.NEB,
                "vasp_cmd": command,
                "vasp_gamma_cmd": gamma_command,
                "vasp_job_kwargs": {"output_file": "vasp.out", "stderr_file": "std_err.txt"},
            },
            stop_children_kwargs={"handle_unsuccessful": False},
        )
        try:
            response = NebFromImagesMaker.make.original(maker, images)  # type: ignore[attr-defined]
        except CustodianError as error:
            raise VaspRunError(what_happened(folder, error)) from error
        return response.output

    def _document(
        self,
        guess: PathGuess,
        start: list[Structure],
        relaxed: list[Structure],
        band: Any,
    ) -> PathDoc:
        calculations = band.calculations
        near = zip(relaxed, start[1:-1], strict=True)
        inner = [unwrapped(image, reference) for image, reference in near]
        images = [guess.images[0], *inner, guess.images[-1]]
        top = int(np.argmax(band.energies))
        forces = np.array(calculations[top].output.ionic_steps[-1].forces)
        residual = float(np.linalg.norm(forces, axis=1).max())
        state, warnings = self._verdict(guess, band, residual)
        spent = [len(calculation.output.ionic_steps) for calculation in calculations]
        lost = [ionic_steps_before(Path.cwd(), f"{k:02}") for k in range(1, len(images) - 1)]
        return PathDoc(
            method="band",
            state=state,
            converged=state == "converged" and residual <= ROUNDING * self.settings.fmax,
            images=images,
            energies=[guess.end_energies[0], *band.energies, guess.end_energies[1]],
            path_length=path_length(images),
            residual_force=residual,
            force_evaluations=sum(spent)
            + sum(lost)
            + (guess.previous.force_evaluations if guess.previous else 0),
            warnings=warnings,
            provenance=self._provenance(),
        )

    def _verdict(self, guess: PathGuess, band: Any, residual: float) -> tuple[PathState, list[str]]:
        """How the band ended, by the true force on its highest image, and what to say of it."""
        fmax, warnings = self.settings.fmax, []
        if max(band.energies) <= max(guess.end_energies):
            warnings.append("no image lies above both ends: no saddle between them was found")
        if not all(map(electronically_converged, band.calculations)):
            warnings.append("electronic steps ran out in the last step of an image")
            return "steps", warnings
        if residual <= ROUNDING * fmax:
            return "converged", warnings
        if any(map(ran_out_of_steps, band.calculations)):
            warnings.append(f"not converged after {self.preset.steps} steps of each image")
            return "steps", warnings
        # VASP is content, so that going on would not change anything.
        warnings.append(
            f"the highest image has a force of {residual:.3f} eV/angstrom (fmax {fmax:g})"
            if self.preset.vtst
            else "plain band: no image climbs without VTST (MISEI_VASP_VTST), the barrier is a "
            "lower bound"
        )
        return "converged", warnings

    def _provenance(self) -> Provenance:
        return Provenance(
            engine=self.engine,
            engine_version=self.engine_version,
            energies_from="DFT",
            settings={"fmax_eV_per_A": self.settings.fmax, "vtst": self.preset.vtst},
        )
