"""How `make gpaw` builds GPAW, whose setup.py runs this: FFTW and MPI where they are."""

from __future__ import annotations

import shutil
from ctypes.util import find_library
from pathlib import Path

libraries = ["xc", "blas"]
mpi = shutil.which("mpic++") is not None
if mpi:
    compiler = "mpic++"
# Saves a tenth to a quarter of the time (docs/engines.md). The header is of libfftw3-dev.
fftw = find_library("fftw3") is not None and Path("/usr/include/fftw3.h").is_file()
if fftw:
    libraries += ["fftw3"]
