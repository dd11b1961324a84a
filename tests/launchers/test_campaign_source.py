"""A campaign on Materials Project data that were fetched before: nothing but the cache is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mp_server import KEY
from typer.testing import CliRunner

from misei.launchers.cli import app
from misei.launchers.local import run_flows
from misei.launchers.pools import InlinePool
from misei.launchers.sources import source_inputs
from misei.launchers.store import open_store
from misei.screening.campaign import Campaign
from misei.screening.entries import BundledSource
from misei.screening.results import find_document
from misei.screening.schemas_thermodynamics import ThermodynamicsDoc
from misei.screening.thermodynamics import reduce
from misei.workflows.campaign import thermodynamics_job

if TYPE_CHECKING:
    from mp_server import Service

CAMPAIGN = Campaign(name="cached", electrolytes=["Li10GeP2S12"], metals=["Ge"], source="mp-cache")


def test_a_campaign_reads_the_cache(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISEI_MP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MISEI_MP_ENDPOINT", service.url)
    monkeypatch.setenv("MISEI_MP_API_KEY", KEY)
    assert CliRunner().invoke(app, ["mp", "sync", *CAMPAIGN.electrolytes]).exit_code == 0
    asked = len(service.requests)
    job = thermodynamics_job(CAMPAIGN, source_inputs(CAMPAIGN.source))
    store = open_store(tmp_path / "results.sqlite")
    report = run_flows([job], store, tmp_path, InlinePool())
    assert report.failed == {}
    document = find_document(store, job.uuid, ThermodynamicsDoc)
    assert document is not None
    assert document.source["name"] == "Materials Project"
    # The service answers with the energies of the bundled set.
    expected = reduce(CAMPAIGN.electrolytes[0], BundledSource())
    assert document.reductions[0].reduction_potential == expected.reduction_potential
    assert "Li15Ge4" in {candidate.alloy for candidate in document.candidates}
    assert len(service.requests) == asked
