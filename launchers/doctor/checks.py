"""Preflight: whether this machine, its store and its queue are ready for a screening."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from misei.launchers.doctor.findings import Check, Finding, is_uri, run_checks, skipped
from misei.settings import Settings

if TYPE_CHECKING:
    from misei.launchers.doctor.engine import EngineProbe
    from misei.screening.campaign import Campaign

QUEUE_ROWS = ("cluster file", "queue commands", "queue", "partition", "walltime", "job size")


@dataclass
class Doctor:
    """What to look at, and what one check learns for a later one.

    Attributes
    ----------
    settings
        Of this machine; ``settings.cluster`` is the cluster file.
    engine
        By name; by default that of the campaign, else misei's.
    campaign_file
        Campaign whose engine and source are looked at.
    launchpad, test_job, online, integrity
        Whether to look at the LaunchPad, send a job to a worker, ask the Materials Project, and
        read the whole store.
    wait_s
        How long to wait for the worker, s.
    """

    settings: Settings
    engine: str | None = None
    campaign_file: Path | None = None
    launchpad: bool = False
    test_job: bool = False
    online: bool = False
    integrity: bool = False
    wait_s: float = 600.0
    probes: dict[str, EngineProbe] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def findings(self) -> Iterator[Finding]:
        """Look at one thing after the other; no failure stops the rest."""
        settings = self.settings
        given = (settings.store, settings.launchpad, settings.mp_api_key)
        secrets = {secret.get_secret_value() for secret in given if secret is not None}
        if not is_uri(settings.store_location):
            secrets.discard(settings.store_location)  # the path of a file
        for finding in run_checks(self._checks(), secrets):
            if finding.state == "failed":
                self.failed.add(finding.what)
            yield finding

    def _checks(self) -> Iterator[Check]:
        settings, run_dir = self.settings, self.settings.run_dir
        campaign = _read_campaign(self.campaign_file)
        usable = None if isinstance(campaign, Exception) else campaign
        engines = _engines(self.engine, usable)
        source = usable.source if usable else settings.source
        yield _check("Python", "machine", "check_python")
        yield _check("packages", "machine", "check_packages")
        yield _check("torch", "machine", "check_torch")
        yield _check("cores", "machine", "check_resources", settings)
        yield _check("space", "folders", "check_space", run_dir)
        yield _check("run_dir", "folders", "check_run_dir", run_dir, settings.cluster is not None)
        if campaign is not None:
            yield _check("campaign", "data", "check_campaign", self.campaign_file, campaign)
        for engine in engines:
            yield _check("engine", "engine", "check_engine", engine, self.probes)
        yield _check("store", "databases", "check_store", settings, self.integrity)
        yield _check(
            "Materials Project key", "data", "check_key", settings, self.online, source == "mp"
        )
        yield _check("Materials Project cache", "data", "check_cache", settings, usable)
        yield _check("queue", "queue", "check_queue", settings.cluster)
        yield _check("LaunchPad", "databases", "check_launchpad", settings, self.launchpad)
        yield from self._jobs(engines[0])

    def _jobs(self, engine: str) -> Iterator[Check]:
        """Choose where the test job goes, when all else was looked at."""
        wait_s, on_queue = self.wait_s, self.settings.cluster is not None
        if not self.test_job:
            row = skipped("test job", "not asked for", "--test-job sends one to a worker")
            yield Check("test job", lambda: [row])
            return
        if engine not in self.probes:
            row = skipped("test job", f"{engine} does not run here", "see above")
            yield Check("test job", lambda: [row])
            return
        here = self.probes[engine]
        if on_queue and self.failed.intersection(QUEUE_ROWS):
            row = skipped("queue worker", "the queue is not ready", "see above")
            yield Check("queue worker", lambda: [row])
        elif on_queue:
            yield _check("queue worker", "job", "check_queue_job", self.settings, here, wait_s)
        if self.launchpad and "LaunchPad" in self.failed:
            row = skipped("Firework", "the LaunchPad is not ready", "see above")
            yield Check("Firework", lambda: [row])
        elif self.launchpad:
            yield _check("Firework", "firework", "check_firework", self.settings, here, wait_s)
        if not on_queue and not self.launchpad:
            yield _check("local worker", "job", "check_local_job", self.settings, here, wait_s)


def _check(what: str, module: str, function: str, *arguments: Any) -> Check:
    """Return a check that is imported when it runs: a missing package is its own failure."""

    def look() -> Iterable[Finding]:
        check: Callable[..., Iterable[Finding]] = getattr(
            import_module(f"misei.launchers.doctor.{module}"), function
        )
        return check(*arguments)

    return Check(what, look)


def _engines(asked_for: str | None, campaign: Campaign | None) -> list[str]:
    """Return the engine that was asked for, else those of the campaign, else misei's."""
    if asked_for is not None:
        return [asked_for]
    if campaign is None:
        return ["sevennet"]
    return [campaign.screen, *([campaign.refine] if campaign.refine else [])]


def _read_campaign(path: Path | None) -> Campaign | Exception | None:
    if path is None:
        return None
    try:
        from misei.screening.campaign import load_campaign

        return load_campaign(path)
    except Exception as error:  # becomes a row of the table
        return error
