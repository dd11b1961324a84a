"""Barriers as atomate2 and as ASE compute them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.mep.neb import NEB, NEBOptimizer
from ase.optimize import BFGS
from atomate2.ase.jobs import AseRelaxMaker, EmtRelaxMaker
from atomate2.ase.neb import AseNebFromEndpointsMaker
from atomate2.forcefields.jobs import ForceFieldRelaxMaker
from atomate2.forcefields.utils import ForceFieldMixin
from emmet.core.types.enums import TaskState
from neb_cases import FMAX, PlacedHop, run_in_process
from neb_meter import SEVENNET, Measured, Meter, calculator, metered
from pymatgen.io.ase import AseAtomsAdaptor

N_IMAGES = 5
NEB_KWARGS: dict[str, Any] = {"climb": True, "method": "improvedtangent"}
MAX_STEPS = 500


# Only the calculator is replaced, by one whose model is loaded once.
@dataclass
class _EmtRelaxMaker(EmtRelaxMaker):
    def _get_calculator(self) -> Calculator:
        return calculator("emt")


@dataclass
class _SevenNetRelaxMaker(ForceFieldRelaxMaker):
    def _get_calculator(self) -> Calculator:
        return calculator("sevennet")


@dataclass
class _EmtNebMaker(AseNebFromEndpointsMaker):
    def _get_calculator(self) -> Calculator:
        return calculator("emt")


# ForceFieldNebFromEndpointsMaker of atomate2 0.1.5 takes images, not ends: its make() hides the
# one that relaxes and interpolates. This is the same without that make().
@dataclass
class _SevenNetNebMaker(ForceFieldMixin, AseNebFromEndpointsMaker):
    def _get_calculator(self) -> Calculator:
        return calculator("sevennet")


def atomate2_barrier(placed: PlacedHop) -> Measured:
    """Compute a barrier by atomate2's maker: FIRE for the ends, linear path, FIRE for the band."""
    common: dict[str, Any] = {"relax_kwargs": {"fmax": FMAX}, "steps": MAX_STEPS}
    relax: type[AseRelaxMaker] = _EmtRelaxMaker
    band: type[AseNebFromEndpointsMaker] = _EmtNebMaker
    if placed.case.engine == "sevennet":
        relax, band, common = _SevenNetRelaxMaker, _SevenNetNebMaker, {**common, **SEVENNET}
    maker = band(
        endpoint_relax_maker=relax(relax_cell=False, **common), neb_kwargs=NEB_KWARGS, **common
    )
    initial, final, _ = placed.cell.ideal_ends(placed.ends)
    # The journal of misei's calculator would save what atomate2 evaluates twice.
    with patch.dict(os.environ, {"MISEI_JOURNAL": "0"}), metered(placed.case.engine) as meter:
        result = run_in_process(maker.make([initial, final], N_IMAGES))
    images = [AseAtomsAdaptor.get_atoms(image, msonable=False) for image in result.images]
    return _measured(placed, images, meter, result.state is TaskState.SUCCESS)


def ase_barrier(placed: PlacedHop) -> Measured:
    """Compute a barrier by ASE: BFGS for the ends, IDPP path, NEBOptimizer for the band."""
    ends = [
        AseAtomsAdaptor.get_atoms(end, msonable=False)
        for end in placed.cell.ideal_ends(placed.ends)[:2]
    ]
    with metered(placed.case.engine) as meter:
        relaxed = [_relax(end, placed.case.engine) for end in ends]
        images = [ends[0], *(ends[0].copy() for _ in range(N_IMAGES)), ends[1]]
        for image in images[1:-1]:
            image.calc = calculator(placed.case.engine)
        band = NEB(images, **NEB_KWARGS)
        band.interpolate("idpp", mic=True)
        done = NEBOptimizer(band, logfile=None).run(fmax=FMAX, steps=MAX_STEPS)
    return _measured(placed, images, meter, all(relaxed) and bool(done))


def _relax(atoms: Atoms, engine: str) -> bool:
    atoms.calc = calculator(engine)
    return bool(BFGS(atoms, logfile=None).run(fmax=FMAX, steps=MAX_STEPS))


def _measured(
    placed: PlacedHop, images: Sequence[Atoms], meter: Meter, converged: bool
) -> Measured:
    """Evaluate the final band once more, off the meter."""
    for image in images:
        image.calc = calculator(placed.case.engine)
    energies = [float(image.get_potential_energy()) for image in images]
    highest = images[int(np.argmax(energies))]
    return Measured(
        barrier=max(energies) - energies[0],
        residual=float(np.linalg.norm(highest.get_forces(), axis=1).max()),
        evaluations=meter.evaluations,
        seconds=meter.seconds,
        converged=converged,
    )
