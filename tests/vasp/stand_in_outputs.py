"""Outputs of VASP as the stand-in writes them.

Written for what pymatgen, emmet and custodian look for in files of VASP 6; no VASP was at hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.io import write
from stand_in_inputs import Inputs

# ASE's stress in eV/angstrom^3 to VASP's in kB, of opposite sign.
KILOBAR = -1602.1766208
VERSION = "6.4.2"
# eV/atom: EMT counts from the bulk metals, VASP from atoms; custodian stops positive energies.
SHIFT = -4.0
# Of any metal: one band below the Fermi level, one across it, one above.
EIGENVALUES = (
    '<eigenvalues><array><set><set comment="spin 1"><set comment="kpoint 1"><r>-2.0 1.0</r>'
    "<r>0.0 0.5</r><r>3.0 0.0</r></set></set></set></array></eigenvalues>"
)
DEFAULTS: dict[str, Any] = {
    "NELM": 60, "NSW": 0, "ISMEAR": 1, "SIGMA": 0.2, "ISPIN": 1, "EDIFF": 1e-4, "LORBIT": 0,
    "ENCUT": 400.0, "LASPH": False, "LDAU": False, "GGA": "PE",
}  # fmt: skip


@dataclass
class Folder:
    """Outputs of one image or one run."""

    path: Path
    inputs: Inputs
    steps: list[dict[str, Any]] = field(default_factory=list)

    def add_step(self, atoms: Atoms) -> None:
        """Keep energy, forces, stress and geometry of an ionic step."""
        self.steps.append(
            {
                "energy": float(atoms.get_potential_energy()) + SHIFT * len(atoms),
                "forces": atoms.get_forces().copy(),
                "stress": KILOBAR * atoms.get_stress(voigt=False),
                "cell": atoms.cell.array.copy(),
                # VASP writes coordinates inside the cell.
                "scaled": atoms.get_scaled_positions(wrap=True),
            }
        )

    def write(self, electrons_run_out: bool = False, unfinished: bool = False) -> None:
        """Write all files; an unfinished run leaves them cut short."""
        electronic = int(self.inputs.tags.get("NELM", 60)) if electrons_run_out else 7
        (self.path / "OSZICAR").write_text(self._oszicar(electronic))
        xml, outcar = self._vasprun(electronic), self._outcar()
        if unfinished:
            xml, outcar = xml[: xml.rindex("</calculation>")], outcar[: outcar.rindex("General")]
        (self.path / "vasprun.xml").write_text(xml)
        (self.path / "OUTCAR").write_text(outcar)
        last = self.steps[-1]
        final = Atoms(self.inputs.atoms.symbols, cell=last["cell"], pbc=True)
        final.set_scaled_positions(last["scaled"])
        write(self.path / "CONTCAR", final, format="vasp", direct=True, vasp5=True)

    def _oszicar(self, electronic: int) -> str:
        head = "       N       E       dE       d eps       ncg     rms          rms(c)"
        lines, before = [head], 0.0
        for number, step in enumerate(self.steps, start=1):
            energy = step["energy"]
            for k in range(1, electronic + 1):
                rest = 10.0 ** (1 - k)
                lines.append(
                    f"DAV: {k:3d} {energy + rest:20.12E} {-rest:15.5E} {-rest:15.5E} {100:5d} "
                    f"{rest:10.3E}"
                )
            lines.append(
                f"{number:4d} F= {energy:.8E} E0= {energy:.8E}  d E ={energy - before:.6E}"
            )
            before = energy
        return "\n".join(lines) + "\n"

    def _outcar(self) -> str:
        lines = [
            f" vasp.{VERSION} stand-in", " running on    1 total cores",
            "   number of dos      NEDOS =    301   number of ions     NIONS = "
            f"{len(self.inputs.atoms):6d}",
            "   k-points           NKPTS =      1   k-points in BZ     NKDIM =      1   number of "
            "bands    NBANDS=      8",
            "   total plane-waves  NPLWV =   4096",
            f"   IBRION = {self.inputs.tags.get('IBRION', -1):6d}",
        ]  # fmt: skip
        for number, step in enumerate(self.steps, start=1):
            energy = f"{step['energy']:18.8f}"
            lines += [
                f"----- Iteration {number:6d}(   1)  -----",
                "  entropy T*S    EENTRO =         0.00000000",
                " E-fermi :   0.0000     XC(G=0):  -1.0000     alpha+bet : -1.0000",
                "  aborting loop because EDIFF is reached",
                f"  number of electron {self.inputs.electrons:13.7f} magnetization       0.0000000",
                "  POSITION                                       TOTAL-FORCE (eV/Angst)",
                "    total drift:            0.000000      0.000000      0.000000",
                f"  free  energy   TOTEN  = {energy} eV",
                f"  energy  without entropy={energy}  energy(sigma->0) ={energy}",
            ]
        timing = ["Total CPU time used", "User time", "System time", "Elapsed time"]
        lines.append(" General timing and accounting for this job:")
        lines += [f"   {name} (sec):        1.000" for name in timing]
        lines.append("   Maximum memory used (kb):        1000.")
        return "\n".join(lines) + "\n"

    def _vasprun(self, electronic: int) -> str:
        inputs = self.inputs
        parameters = {**DEFAULTS, **inputs.tags, "NELECT": inputs.electrons}
        parameters.setdefault("IBRION", -1 if inputs.steps == 1 else 0)
        steps = [self._calculation(step, electronic) for step in self.steps]
        return "\n".join(
            [
                '<?xml version="1.0" encoding="ISO-8859-1"?>', "<modeling>", "<generator>",
                '<i name="program" type="string">vasp</i>',
                f'<i name="version" type="string">{VERSION}</i>', "</generator>",
                "<incar>", *map(_tag, inputs.tags.items()), "</incar>",
                self._kpoints(),
                "<parameters>", *map(_tag, parameters.items()), "</parameters>",
                self._atominfo(),
                _structure(self.steps[0], "initialpos"), *steps,
                _structure(self.steps[-1], "finalpos"), "</modeling>", "",
            ]
        )  # fmt: skip

    def _kpoints(self) -> str:
        grid = " ".join(map(str, self.inputs.divisions))
        return (
            f'<kpoints><generation param="Gamma"><v type="int" name="divisions">{grid}</v>'
            '<v name="usershift">0 0 0</v></generation><varray name="kpointlist">'
            '<v>0 0 0</v></varray><varray name="weights"><v>1.0</v></varray></kpoints>'
        )

    def _atominfo(self) -> str:
        inputs = self.inputs
        elements = [potcar["element"] for potcar in inputs.potcars]
        atoms = "".join(
            f"<rc><c>{symbol}</c><c>{elements.index(symbol) + 1}</c></rc>"
            for symbol in inputs.atoms.symbols
        )
        types = "".join(
            f"<rc><c>{inputs.atoms.symbols.count(p['element'])}</c><c>{p['element']}</c><c>1.0</c>"
            f"<c>{p['zval']}</c><c>{p['title']}</c></rc>"
            for p in inputs.potcars
        )
        return (
            f'<atominfo><array name="atoms"><set>{atoms}</set></array>'
            f'<array name="atomtypes"><set>{types}</set></array></atominfo>'
        )

    @staticmethod
    def _calculation(step: dict[str, Any], electronic: int) -> str:
        energy = "".join(
            f'<i name="{name}">{step["energy"]:.8f}</i>'
            for name in ("e_fr_energy", "e_wo_entrp", "e_0_energy")
        )
        energy = f"<energy>{energy}</energy>"
        return "\n".join(
            [
                "<calculation>", *(electronic * [f"<scstep>{energy}</scstep>"]), _structure(step),
                _array("forces", step["forces"]), _array("stress", step["stress"]), energy,
                EIGENVALUES, "</calculation>",
            ]
        )  # fmt: skip


def _tag(item: tuple[str, Any]) -> str:
    name, value = item
    if isinstance(value, list):
        return f'<v name="{name}">{" ".join(map(str, value))}</v>'
    if isinstance(value, bool):
        return f'<i name="{name}" type="logical">{"T" if value else "F"}</i>'
    kind = {int: ' type="int"', str: ' type="string"'}.get(type(value), "")
    return f'<i name="{name}"{kind}>{value}</i>'


def _array(name: str, rows: Any) -> str:
    lines = "".join(f"<v>{' '.join(f'{x:.10f}' for x in row)}</v>" for row in rows)
    return f'<varray name="{name}">{lines}</varray>'


def _structure(step: dict[str, Any], name: str = "") -> str:
    label = f' name="{name}"' if name else ""
    return (
        f"<structure{label}><crystal>{_array('basis', step['cell'])}</crystal>"
        f"{_array('positions', step['scaled'])}</structure>"
    )
