"""A small Firework that goes through the LaunchPad and comes back; nothing of it is left there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from io import StringIO
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any
from uuid import uuid4

from fireworks import (
    FiretaskBase,
    Firework,
    FWAction,
    FWorker,
    LaunchPad,
    Workflow,
    explicit_serialize,
)
from fireworks.core.rocket_launcher import launch_rocket

from misei.launchers.doctor.engine import EngineProbe, probe_engine
from misei.launchers.doctor.findings import Finding, failed
from misei.launchers.doctor.job import compared, temporary_folder
from misei.launchers.fireworks.launchpad import QUIET, open_launchpad
from misei.settings import Settings

POLL_S = 0.5


@explicit_serialize
class ProbeTask(FiretaskBase):
    """Evaluates an engine."""

    required_params = ("engine",)

    def run_task(self, fw_spec: dict[str, Any]) -> FWAction:
        """Put what the engine gives into the launch."""
        return FWAction(stored_data={"probe": probe_engine(self["engine"]).model_dump(mode="json")})


def check_firework(settings: Settings, here: EngineProbe, wait_s: float) -> Iterator[Finding]:
    """Run the evaluation as a Firework, from the LaunchPad and on this machine."""
    launchpad, start = open_launchpad(settings), perf_counter()
    category = f"misei-doctor-{uuid4()}"  # no other worker is to take it
    firework = Firework(
        ProbeTask(engine=here.engine), spec={"_category": category}, name="misei doctor"
    )
    with ExitStack() as stack:
        folder = temporary_folder(stack, Path(tempfile.gettempdir()))
        # FireWorks prints, and keeps the stream that it finds for its loggers.
        stack.enter_context(redirect_stdout(StringIO()))
        number = next(iter(launchpad.add_wf(Workflow([firework])).values()))
        stack.callback(launchpad.delete_wf, number)
        before = Path.cwd()
        stack.callback(os.chdir, before)
        os.chdir(folder)
        launch_rocket(launchpad, FWorker(category=category), number, strm_lvl=QUIET)
        state = _final_state(launchpad, number, wait_s)
        launches = launchpad.get_fw_by_id(number).launches
        stored = launches[-1].action.stored_data if launches and launches[-1].action else {}
    if state != "COMPLETED" or "probe" not in stored:
        error = stored.get("_exception", {}).get("_stacktrace", "").strip().splitlines()
        to_do = "`misei doctor` without --launchpad shows whether the engine runs here"
        yield failed("Firework", f"{state}: {error[-1] if error else 'no result'}", to_do)
        return
    there = EngineProbe.model_validate(stored["probe"])
    yield compared("Firework", here, there, perf_counter() - start)


def _final_state(launchpad: LaunchPad, number: int, wait_s: float) -> str:
    deadline = monotonic() + wait_s
    while True:
        state = str(launchpad.get_fw_dict_by_id(number)["state"])
        if state in ("COMPLETED", "FIZZLED", "DEFUSED") or monotonic() > deadline:
            return state
        sleep(POLL_S)
