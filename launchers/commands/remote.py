"""Campaigns through jobflow-remote: misei remote submit."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from misei.launchers.commands import console
from misei.launchers.commands.options import AsJson

if TYPE_CHECKING:
    from misei.launchers.remote.submission import Submission

remote_app = typer.Typer(
    no_args_is_help=True,
    help="Run campaigns through jobflow-remote, where it is installed.\n\n"
    "[bold]Examples[/bold]\n\nmisei remote submit examples/quick.yaml --worker slurm",
)


@remote_app.callback()
def _main() -> None:
    # With a callback, typer keeps the name of an only command.
    pass


@remote_app.command()
@console.one_line_errors
def submit(
    campaign: Annotated[Path, typer.Argument(help="Campaign file (YAML).")],
    project: Annotated[
        str | None, typer.Option(help="Project of jobflow-remote; default JFREMOTE_PROJECT.")
    ] = None,
    worker: Annotated[
        str | None, typer.Option(help="Worker of the project; default its first.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hand the unfinished jobs of a campaign to jobflow-remote; `jf runner start` runs them.

    What the store holds, or the queue holds already, is not submitted again. `misei rank` reads
    the results.

    [bold]Examples[/bold]

    misei remote submit examples/quick.yaml

    misei remote submit examples/quick.yaml --project misei --worker slurm --json
    """
    from misei.launchers.remote.submission import submit_campaign

    submission = submit_campaign(campaign, project, worker)
    if as_json:
        console.print_json(asdict(submission))
    else:
        _print(submission)


def _print(submission: Submission) -> None:
    print(
        f"{len(submission.submitted)} jobs submitted to the worker {submission.worker} of the "
        f"project {submission.project}, {submission.finished} found in the store"
    )
    if submission.queued:
        states = ", ".join(f"{count} {state}" for state, count in submission.queued.items())
        print(f"in the queue before: {states}; `jf job list` shows them, `jf job rerun` reruns one")
    if submission.held:
        print(f"{len(submission.held)} wait for jobs queued before: submit again when these ended")
    if submission.message:
        print(submission.message)
