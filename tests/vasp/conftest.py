"""A machine with a stand-in for VASP and synthetic potentials."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import atomate2.vasp.run
import pymatgen.core
import pytest
from atomate2 import SETTINGS
from custodian import Custodian

if TYPE_CHECKING:
    from vasp_bench import Bench

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

# Symbols of the Materials Project, valence electrons, and the release dates of its potentials.
POTENTIALS = {
    "Cu_pv": (17, "06Sep2000"),
    "Al": (3, "04Jan2001"),
    "Ag": (11, "06Sep2000"),
    "Li_sv": (3, "23Jan2001"),
    "F": (7, "08Apr2002"),
    "O": (6, "08Apr2002"),
    "Fe_pv": (14, "06Sep2000"),
    "Ni_pv": (16, "06Sep2000"),
}


def synthetic_potcar(symbol: str, valence: int, date: str) -> str:
    """Header fields that pymatgen needs, around no potential at all."""
    element = symbol.split("_")[0]
    title = f"PAW_PBE {symbol} {date}"
    return (
        f"  {title}\n {valence:.1f}\n parameters from PSCTR are:\n"
        f"   VRHFIN ={element}: synthetic\n   LEXCH  = PE\n"
        f"   TITEL  = {title}\n   LULTRA =        F\n"  # codespell:ignore
        f"   POMASS =   1.000; ZVAL   = {valence:8.3f}    mass and valenz\n"
        "   ENMAX  =  300.000; ENMIN  =  200.000 eV\n   END of PSCTR-controll parameters\n"
        " local part\n  0.0  1.0  2.0\n End of Dataset\n"
    )


def write_potcars(folder: Path) -> None:
    """Write the synthetic potentials as `pmg config -p` would sort them."""
    for symbol, facts in POTENTIALS.items():
        file = folder / "POT_GGA_PAW_PBE" / symbol / "POTCAR"
        file.parent.mkdir(parents=True)
        file.write_text(synthetic_potcar(symbol, *facts))


@pytest.fixture(scope="session")
def potcars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of synthetic potentials."""
    folder = tmp_path_factory.mktemp("potcars")
    write_potcars(folder)
    return folder


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Command of the stand-in."""
    address = tmp_path_factory.mktemp("stand-in") / "socket"
    with subprocess.Popen(
        [sys.executable, HERE / "stand_in_server.py", address], stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield f"{sys.executable} -IS {HERE / 'stand_in_client.py'} {address}"
        server.kill()


@pytest.fixture(scope="module")
def vasp(potcars: Path, stand_in: str) -> Iterator[pytest.MonkeyPatch]:
    """Settings of a machine with VASP; custodian looks often, as the stand-in is quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SETTINGS, "VASP_CMD", stand_in)
        patch.setattr(SETTINGS, "VASP_GAMMA_CMD", stand_in)
        patch.setitem(pymatgen.core.SETTINGS, "PMG_VASP_PSP_DIR", str(potcars))
        quick = partial(Custodian, polling_time_step=0.02, monitor_freq=10**6)
        patch.setattr(atomate2.vasp.run, "Custodian", quick)
        yield patch


@pytest.fixture
def mode(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set how the stand-in fails."""
    return partial(monkeypatch.setenv, "STAND_IN_MODE")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], int]:
    """Count the runs of the stand-in."""
    log = tmp_path / "runs.log"
    monkeypatch.setenv("STAND_IN_LOG", str(log))
    return lambda: len(log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture
def bench(vasp: object, tmp_path: Path) -> Bench:
    """The local runner on a machine with VASP."""
    from vasp_bench import Bench

    return Bench(tmp_path)
