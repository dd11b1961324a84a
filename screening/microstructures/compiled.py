"""Compilation of inner loops by numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function by numba, once per machine; it releases the GIL, so that threads help."""
    machine_code: Callable[P, R] = numba.njit(cache=True, nogil=True)(function)
    return machine_code
