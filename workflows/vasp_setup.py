"""What VASP needs on a machine: command, potentials, and what its binary can do.

Where these are missing, an error names the setting before anything is run.
"""

from __future__ import annotations

import shlex
from os.path import expandvars
from pathlib import Path
from shutil import which
from typing import Literal

from atomate2 import SETTINGS as ATOMATE2
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pymatgen.core import SETTINGS as PYMATGEN
from pymatgen.io.vasp.inputs import POTCAR_FUNCTIONAL_MAP, PotcarSingle

Potcars = Literal["PBE", "PBE_52", "PBE_54", "PBE_64"]

# Tags that spread the work over processes and leave the result as it is.
PARALLEL_TAGS = frozenset(
    ["NCORE", "NPAR", "KPAR", "NSIM", "LPLANE", "LSCALU", "LSCALAPACK", "NCSHMEM"]
)


class VaspSetupError(ValueError):
    """VASP cannot be run here, and which setting mends that."""


class VaspSettings(BaseSettings):
    """Facts about VASP on this machine (``MISEI_VASP_...``), which are part of a job's key."""

    model_config = SettingsConfigDict(env_prefix="MISEI_VASP_")

    vtst: bool = Field(default=False, description="Whether the binary has the VTST code.")
    potcars: Potcars = Field(default="PBE", description="Release of the PAW potentials.")


def vasp_settings() -> VaspSettings:
    """Return the settings of this machine.

    Raises
    ------
    VaspSetupError
        When a variable has no valid value.
    """
    try:
        return VaspSettings()
    except ValidationError as error:
        (first, *_) = error.errors()
        name = f"MISEI_VASP_{str(first['loc'][0]).upper()}"
        raise VaspSetupError(f"{name}={first['input']!r}: {first['msg']}") from None


def vasp_commands() -> tuple[str, str]:
    """Return the commands of VASP: any k-points, and the Gamma point alone.

    Raises
    ------
    VaspSetupError
        When the first one does not exist.
    """
    command = str(ATOMATE2.VASP_CMD)
    # What `env` sets before the program is no program.
    words = [word for word in shlex.split(expandvars(command)) if word != "env" and "=" not in word]
    if not words or which(words[0]) is None:
        raise VaspSetupError(
            f"VASP_CMD is {command!r}, and there is no such program; set VASP_CMD in "
            "~/.atomate2.yaml (or ATOMATE2_VASP_CMD), e.g. 'mpirun -n 16 vasp_std'"
        )
    return command, str(ATOMATE2.VASP_GAMMA_CMD)


def check_potcars(symbols: list[str], functional: str) -> None:
    """Check that the potentials of a structure are there.

    Parameters
    ----------
    symbols
        As the Materials Project chose them, e.g. ``Li_sv``.
    functional
        Release, one of :data:`Potcars`.

    Raises
    ------
    VaspSetupError
        When PMG_VASP_PSP_DIR is not set, or has no such potential.
    """
    folder = PYMATGEN.get("PMG_VASP_PSP_DIR")
    if folder is None or not Path(folder).is_dir():
        raise VaspSetupError(
            f"PMG_VASP_PSP_DIR is {folder!r}, no folder of POTCARs; set it in "
            "~/.config/.pmgrc.yaml (`pmg config -p` sorts VASP's files into one)"
        )
    for symbol in symbols:
        try:
            PotcarSingle.from_symbol_and_functional(symbol, functional)
        except FileNotFoundError:
            subfolder = POTCAR_FUNCTIONAL_MAP[functional]
            raise VaspSetupError(
                f"no POTCAR {symbol!r} in {Path(folder) / subfolder}; add it there, or choose "
                "another release by MISEI_VASP_POTCARS (PBE, PBE_52, PBE_54 or PBE_64)"
            ) from None


def check_incar_updates() -> None:
    """Refuse tags of ~/.atomate2.yaml that would change results behind the jobs' keys.

    Raises
    ------
    VaspSetupError
        When VASP_INCAR_UPDATES has more than tags of parallelization.
    """
    others = sorted(set(ATOMATE2.VASP_INCAR_UPDATES) - PARALLEL_TAGS)
    if others:
        raise VaspSetupError(
            f"VASP_INCAR_UPDATES sets {', '.join(others)}, which would change results under "
            f"unchanged names; allowed: {', '.join(sorted(PARALLEL_TAGS))}"
        )
