"""The benchmark of barriers: same barriers, and a counter that nothing escapes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


@pytest.mark.usefixtures("on_path")
def test_one_hop_by_all_methods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import neb

    file = tmp_path / "rows.json"
    monkeypatch.setattr(sys, "argv", ["neb.py", "--hops", "Cu", "--json", str(file)])
    neb.main()  # would exit with 1 if barriers differed
    (row,) = neb.read_rows(file).values()
    assert row.symmetric
    for name, measured in row.methods.items():
        assert measured.converged, name
    # The aim of the benchmark on symmetric hops; the counts of EMT are exact.
    assert row.ratio("atomate2") > 6.0
    assert row.ratio("ASE") > 1.0
    assert "geometric mean" in capsys.readouterr().out

    # A run that takes the baselines from a file gives the same rows.
    again = tmp_path / "again.json"
    monkeypatch.setattr(
        sys, "argv", ["neb.py", "--hops", "Cu", "--json", str(again), "--baselines", str(file)]
    )
    neb.main()
    methods = [json.loads(path.read_text())["rows"][0]["methods"] for path in (file, again)]
    assert methods[0]["ASE"] == methods[1]["ASE"]
    assert methods[0]["misei"]["evaluations"] == methods[1]["misei"]["evaluations"]


@pytest.mark.usefixtures("on_path")
def test_documents_count_what_reaches_the_model() -> None:
    from neb_cases import CASES, FMAX, place, run_in_process
    from neb_meter import metered

    from misei.workflows.engines import force_evaluations, get_engine

    placed = place(next(case for case in CASES if case.name == "Cu"))
    vacancy = placed.cell.ideal(placed.ends.initial)
    with metered("emt") as meter:
        document = run_in_process(get_engine("emt", FMAX).relax_ions(vacancy, "vacancy"))
    assert meter.evaluations == force_evaluations(document) > 1


@pytest.mark.usefixtures("on_path")
def test_an_unknown_hop_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import neb

    monkeypatch.setattr(sys, "argv", ["neb.py", "--hops", "Unobtainium"])
    with pytest.raises(SystemExit, match=r"unknown hop 'Unobtainium'; valid: Cu, Al"):
        neb.main()
