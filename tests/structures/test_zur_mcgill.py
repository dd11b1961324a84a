from __future__ import annotations

import numpy as np
from numba.core.dispatcher import Dispatcher
from pymatgen.analysis.interfaces import zsl

from misei.structures.zur_mcgill import reduce_vectors


def test_another_process_compiles_nothing_again() -> None:
    reduced = reduce_vectors(np.array([1.0, 0.0, 0.0]), np.array([5.0, 2.0, 0.0]))
    assert np.linalg.norm(reduced, axis=1).tolist() == [1.0, 2.0]
    functions = [one for one in vars(zsl).values() if isinstance(one, Dispatcher)]
    assert len(functions) > 5
    # Where numba keeps nothing, there is no such folder.
    assert all(function.stats.cache_path for function in functions)
