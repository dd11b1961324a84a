"""A Materials Project on this machine, for every test that needs one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from mp_server import Service


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
