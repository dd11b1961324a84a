"""The record of one run of a job: what a later run needs to know of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

NEW_JOBS = ("replace", "detour", "addition")
STOPS = ("stop_children", "stop_jobflow")


class JobRecord(BaseModel):
    """How a job ended, and the jobs it asked for; one per (uuid, index) in the results store."""

    uuid: str = Field(description="Content key of the job.")
    index: int = Field(description="1, or higher for what replaced the job.")
    name: str = Field(description="Label of the job.")
    state: Literal["finished", "failed"] = Field(description="A failed job is tried again.")
    folder: str = Field(default="", description="Where it ran; holds what files it left.")
    host: str = Field(default="", description="Machine that ran it.")
    ended_at: str = Field(default="", description="ISO time, UTC.")
    seconds: float = Field(default=0.0, description="Wall time, s.")
    error: str | None = Field(
        default=None, description="The line of the traceback that names the exception."
    )
    traceback: str | None = Field(default=None, description="Of the failure.")
    missing_inputs: list[str] = Field(
        default_factory=list,
        description="Uuids of failed jobs whose outputs are missing in this one or in its inputs.",
    )
    new_jobs: dict[str, Any] = Field(
        default_factory=dict,
        description="Flows by what they are to the job (replace, detour, addition), serialized.",
    )
    stops: list[str] = Field(
        default_factory=list, description="stop_children and stop_jobflow, where asked for."
    )
