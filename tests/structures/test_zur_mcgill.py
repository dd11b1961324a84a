from __future__ import annotations

import os
import subprocess
import sys
from inspect import isgeneratorfunction
from pathlib import Path

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher
from pymatgen.analysis.interfaces import zsl

from misei.structures.zur_mcgill import reduce_vectors


def test_another_process_compiles_nothing_again() -> None:
    reduced = reduce_vectors(np.array([1.0, 0.0, 0.0]), np.array([5.0, 2.0, 0.0]))
    assert np.linalg.norm(reduced, axis=1).tolist() == [1.0, 2.0]
    functions = [
        one
        for one in vars(zsl).values()
        if isinstance(one, Dispatcher) and not isgeneratorfunction(one.py_func)
    ]
    assert len(functions) > 5
    # Where numba keeps nothing, there is no such folder.
    assert all(function.stats.cache_path for function in functions)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["list(zsl.get_factors(6))", "zsl.fast_norm(np.ones(3))"])
def test_a_cache_that_was_left_half_full_serves(first: str, tmp_path: Path) -> None:
    begin = (
        "import numpy as np; from misei.structures import zur_mcgill; "
        "from pymatgen.analysis.interfaces import zsl; "
    )
    for call in (first, "print(len(zsl.gen_sl_transform_matrices(6)))"):
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", begin + call],
            capture_output=True,
            text=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        )
        assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["12"]  # sum of the divisors of 6
    assert any(tmp_path.rglob("*.nbi"))
