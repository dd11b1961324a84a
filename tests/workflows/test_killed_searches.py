"""A search that is killed again and again repeats no finished evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ase.calculators.emt import EMT
from jobflow import CURRENT_JOB, JobStore
from maggma.stores import MemoryStore
from saddle_hops import FMAX, asymmetric_hop

from misei.screening.schemas_paths import PathDoc
from misei.workflows import journal
from misei.workflows.engines import get_engine
from misei.workflows.journal import JOURNAL_FILES, JOURNAL_SWITCH

# A walk that is replayed and goes on may differ in the last bits of EMT's sums.
REPLAYED_EV = 1e-7


class Killed(BaseException):
    """A kill that no job catches."""


@pytest.mark.parametrize("kills", [[3], [6, 2, 5, 1]])
def test_a_killed_search_repeats_no_evaluation(
    kills: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(JOURNAL_SWITCH, "1")
    guess, made, lives = asymmetric_hop(), [0], [1000]
    original = EMT.calculate

    def mortal(self: EMT, *args: Any, **kwargs: Any) -> None:
        if lives[0] == 0:
            raise Killed
        original(self, *args, **kwargs)
        made[0] += 1
        lives[0] -= 1

    def run() -> PathDoc:
        store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
        store.connect()
        journal._open_journals.clear()  # as a new process would
        try:
            output: PathDoc = get_engine("emt", FMAX).saddle(guess, "x").run(store).output
            return output
        finally:
            CURRENT_JOB.reset()

    monkeypatch.setattr(EMT, "calculate", mortal)
    whole, needed = run(), made[0]
    assert needed == whole.force_evaluations
    next(tmp_path.glob(JOURNAL_FILES)).unlink()
    made[0] = 0
    for lives[0] in kills:
        with pytest.raises(Killed):
            run()
    lives[0] = 1000
    again = run()
    assert made[0] == needed == again.force_evaluations
    assert again.energies == pytest.approx(whole.energies, abs=REPLAYED_EV)
    assert (again.method, again.state) == (whole.method, whole.state)
