"""A Materials Project on this machine, and which tests share a process of pytest-xdist."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from mp_server import Service


# Both compare with one local run, which takes a minute.
SCREENING = "test_a_screening_ranks_as_the_local_run_does"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file together: they share fixtures that take long to make."""
    for item in items:
        group = SCREENING if item.name == SCREENING else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The service, running, with documents of its own."""
    from mp_server import new_service, start

    monkeypatch.setattr("misei.screening.materials_project.client.BACKOFF_S", 0.01)
    service = new_service()
    server = start(service)
    yield service
    server.shutdown()
    server.server_close()
