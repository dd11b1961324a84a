"""Which jobs of some flows can run, given how others ended; the order only, nothing runs here."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from jobflow import Flow, Job, OnMissing

from misei.launchers.job_runs import JobId


@dataclass
class Schedule:
    """The jobs of flows that may share jobs, and what each waits for.

    A job waits for all indices of the uuids it refers to. What needs a failed job is doomed,
    unless it accepts missing inputs.

    Attributes
    ----------
    jobs
        Every job ever added.
    ready
        Ids of the jobs that wait for nothing, in the order they became so.
    doomed
        Ids of the jobs that will not run, for the caller to take and report.
    """

    jobs: dict[JobId, Job] = field(default_factory=dict)
    ready: deque[JobId] = field(default_factory=deque)
    doomed: deque[JobId] = field(default_factory=deque)
    _waits: dict[JobId, set[str]] = field(default_factory=dict)
    _children: defaultdict[str, set[JobId]] = field(default_factory=lambda: defaultdict(set))
    _open: Counter[str] = field(default_factory=Counter)
    _failed: set[str] = field(default_factory=set)
    _stopped: bool = False

    def add(self, flows: Iterable[Flow | Job]) -> None:
        """Add the jobs of flows; one that another flow brought already is not added twice."""
        new: dict[JobId, set[str]] = {}
        for flow in flows:
            jobs = flow.iterflow() if isinstance(flow, Flow) else [(flow, flow.input_uuids)]
            for job, parents in jobs:
                identity = (job.uuid, job.index)
                if identity not in self.jobs:
                    self.jobs[identity] = job
                    self._open[job.uuid] += 1
                    # A flow's own graph leaves out references to the jobs of other flows.
                    new[identity] = {*parents, *job.input_uuids} - {job.uuid}
        for identity, needs in new.items():
            self._link(identity, needs)

    def _link(self, identity: JobId, needs: set[str]) -> None:
        self._waits[identity] = {uuid for uuid in needs if self._open[uuid]}
        for uuid in needs:
            self._children[uuid].add(identity)
        failed = needs & self._failed
        if self._stopped or (failed and self._needs_all(identity)):
            self._doom(identity)
        elif not self._waits[identity]:
            self.ready.append(identity)

    def _needs_all(self, identity: JobId) -> bool:
        job = self.jobs[identity]
        # jobflow lets the job that closes a replaced one point at an output that is missing.
        return job.index > 1 or bool(job.config.on_missing_references == OnMissing.ERROR)

    def take(self) -> Job | None:
        """Hand out the job that has been ready for longest; None where all wait."""
        while self.ready:
            identity = self.ready.popleft()
            if self._waits.pop(identity, None) is not None:  # else it was doomed meanwhile
                return self.jobs[identity]
        return None

    def finish(self, identity: JobId, new_jobs: dict[str, Flow], stops: Iterable[str]) -> None:
        """Note that a job ended well, with the flows and the halts it asked for."""
        uuid = identity[0]
        children = self._waiting_for(uuid)  # without those of a detour, which may refer to it
        self.add(new_jobs.values())
        if "detour" in new_jobs:
            around = {other for other in new_jobs["detour"].job_uuids if self._open[other]}
            for child in children:
                self._waits[child] |= around
            for other in around:
                self._children[other].update(children)
        if "stop_children" in stops:
            for child in self._waiting_for(uuid):
                self._doom(child)
        if "stop_jobflow" in stops:
            self._stopped = True
            for waiting in list(self._waits):
                self._doom(waiting)
        self._end(uuid)

    def fail(self, identity: JobId) -> None:
        """Note that a job failed."""
        uuid = identity[0]
        self._failed.add(uuid)
        for child in self._waiting_for(uuid):
            if self._needs_all(child):
                self._doom(child)
        self._end(uuid)

    def _waiting_for(self, uuid: str) -> list[JobId]:
        return [child for child in self._children[uuid] if child in self._waits]

    def _doom(self, identity: JobId) -> None:
        """Give a job up, and with it what needs it."""
        givens = deque([identity])
        while givens:
            one = givens.popleft()
            if self._waits.pop(one, None) is None:
                continue
            self.doomed.append(one)
            self._failed.add(one[0])
            givens += [c for c in self._waiting_for(one[0]) if self._needs_all(c)]
            self._end(one[0])

    def _end(self, uuid: str) -> None:
        self._open[uuid] -= 1
        if self._open[uuid]:
            return
        for child in self._waiting_for(uuid):
            self._waits[child].discard(uuid)
            if not self._waits[child]:
                self.ready.append(child)
