"""The folder of a VASP job: what an earlier attempt left there, and what it had cost.

A job whose process was killed is run again in its folder. What it had written is moved aside, and
a relaxation or a band goes on from the last geometry that it wrote.
"""

from __future__ import annotations

import gzip
import tarfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from pymatgen.core import Structure
from pymatgen.io.vasp import Poscar

# The structure that a job (or an image of a band) was given: custodian overwrites POSCAR.
START_FILE = "start{image}.vasp"
ATTEMPT = "attempt_"
_LEFT = (
    "INCAR*", "KPOINTS*", "POSCAR*", "POTCAR*", "CONTCAR*", "OUTCAR*", "OSZICAR*", "vasprun.xml*",
    "vasp.out*", "std_err.txt*", "XDATCAR*", "WAVECAR*", "CHG*", "DOSCAR*", "EIGENVAL*", "IBZKPT*",
    "PCDAT*", "PROCAR*", "REPORT*", "STOPCAR", "custodian.json*", "continue.json", "error.*.tar.gz",
    "[0-9][0-9]", START_FILE.format(image="*"),
)  # fmt: skip
# Coordinates in START_FILE are written with 16 digits.
SAME = 1e-8


def set_aside(folder: Path) -> None:
    """Move what an earlier attempt left in a folder into one of its own."""
    left = sorted({path for pattern in _LEFT for path in folder.glob(pattern)})
    if not left:
        return
    earlier = folder / f"{ATTEMPT}{len(list(folder.glob(ATTEMPT + '*'))) + 1}"
    earlier.mkdir()
    for path in left:
        path.rename(earlier / path.name)


def write_start(start: Structure, folder: Path, image: str = "") -> None:
    """Write the structure that an attempt was given."""
    Poscar(start).write_file(str(folder / START_FILE.format(image=image)))


def last_geometry(start: Structure, folder: Path, image: str = "") -> Structure:
    """Return the last geometry of earlier attempts at the same structure, or the start itself.

    Parameters
    ----------
    start
        What the job is given, in the order of its POSCAR.
    folder
        Of the job, earlier attempts set aside.
    image
        Subfolder of an image of a band.
    """
    attempts = sorted(folder.glob(f"{ATTEMPT}*"), key=lambda path: -int(path.name[len(ATTEMPT) :]))
    for earlier in attempts:
        # A CONTCAR that VASP was killed in is cut short, and an empty one is written at its start.
        with suppress(Exception):
            given = Structure.from_file(earlier / START_FILE.format(image=image))
            reached = Structure.from_file(earlier / image / "CONTCAR")
            if _is_same(given, start) and reached.species == start.species:
                return unwrapped(reached, start)
    return start


def _is_same(one: Structure, other: Structure) -> bool:
    return (
        one.species == other.species
        and np.allclose(one.lattice.matrix, other.lattice.matrix, atol=SAME)
        and np.allclose(one.frac_coords, other.frac_coords, atol=SAME)
    )


def unwrapped(structure: Structure, near: Structure) -> Structure:
    """Return a structure whose atoms lie in the periodic image nearest to another's.

    VASP writes coordinates in [0, 1), which tears paths and slabs apart.
    """
    fractional = structure.frac_coords
    shift = np.rint(fractional - near.frac_coords)
    return Structure(structure.lattice, structure.species, fractional - shift)


def ionic_steps_before(folder: Path, subfolder: str = "") -> int:
    """Count the ionic steps whose results were given up: corrected runs and killed attempts.

    Parameters
    ----------
    folder
        Of the job.
    subfolder
        Of an image of a band; custodian keeps no copies of these.
    """
    texts = []
    for earlier in folder.glob(f"{ATTEMPT}*"):
        texts += [_text(path) for path in (earlier / subfolder).glob("OSZICAR*")]
    for archive in folder.rglob("error.*.tar.gz"):
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                file = tar.extractfile(member) if "OSZICAR" in member.name else None
                texts += [file.read().decode()] if file is not None else []
    # Two handlers that correct one run each keep a copy of it; of a last run that was corrected
    # and not run again the files still stand.
    lost = set(texts) - {_text(path) for path in (folder / subfolder).glob("OSZICAR*")}
    return sum(text.count(" F= ") for text in lost)


def _text(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
