"""Forces of a second engine on the first one's interface, in words."""

from __future__ import annotations

import numpy as np
import pytest

from misei.workflows.adhesion_remarks import LARGE_FORCE, remarks_on_forces


def test_large_forces_are_named_with_their_engine() -> None:
    forces = np.array([[0.0, 0.1, 0.0], [0.6, 0.0, -0.8]])
    assert remarks_on_forces("gpaw-fast", forces) == [
        "forces of gpaw-fast on this geometry reach 1.0 eV/angstrom: relaxed by gpaw-fast the two "
        "would adhere better"
    ]


@pytest.mark.parametrize("forces", [None, [[0.0, 0.0, LARGE_FORCE]], np.zeros((3, 3))])
def test_small_forces_need_no_word(forces: object) -> None:
    assert remarks_on_forces("gpaw-fast", forces) == []
