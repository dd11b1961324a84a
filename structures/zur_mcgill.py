"""pymatgen's lattice matching by Zur and McGill, compiled once per machine.

numba compiles pymatgen's functions again in every process, in about 4 s: as long as a relaxation.
"""

from __future__ import annotations

from contextlib import suppress
from inspect import isgeneratorfunction

from numba.core.dispatcher import Dispatcher
from pymatgen.analysis.interfaces import zsl
from pymatgen.analysis.interfaces.zsl import ZSLGenerator, ZSLMatch, reduce_vectors

__all__ = ["ZSLGenerator", "ZSLMatch", "reduce_vectors"]

for _function in vars(zsl).values():
    # What calls a generator cannot be compiled where that one came out of the cache (numba 0.68:
    # KeyError), as after a run that was killed between the two, or beside another process.
    if isinstance(_function, Dispatcher) and not isgeneratorfunction(_function.py_func):
        # Where neither pymatgen's folder nor the user's can be written there is no cache.
        with suppress(RuntimeError):
            _function.enable_caching()
