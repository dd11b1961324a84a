"""pymatgen's lattice matching by Zur and McGill, compiled once per machine.

numba compiles pymatgen's functions again in every process, in about 4 s: as long as a relaxation.
"""

from __future__ import annotations

from numba.core.dispatcher import Dispatcher
from pymatgen.analysis.interfaces import zsl
from pymatgen.analysis.interfaces.zsl import ZSLGenerator, ZSLMatch, reduce_vectors

__all__ = ["ZSLGenerator", "ZSLMatch", "reduce_vectors"]

for _function in vars(zsl).values():
    if isinstance(_function, Dispatcher):
        _function.enable_caching()
