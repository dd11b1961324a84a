"""The cluster file on the command line: misei cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from misei.launchers.commands import console
from misei.launchers.commands.options import AsJson

QueueSystemName = Annotated[str, typer.Argument(help="slurm, pbs, sge or lsf.")]


@console.one_line_errors
def cluster(queue_system: QueueSystemName, as_json: AsJson = False) -> None:
    """Print a commented cluster file to start from.

    It says what a job of the queue asks for; `misei screen --cluster` and `misei launch
    --cluster` read it.

    [bold]Examples[/bold]

    misei cluster slurm > cluster.yaml

    misei cluster pbs > cluster.yaml
    """
    from misei.launchers.queues.cluster_file import template

    text = template(queue_system)
    if as_json:
        console.print_json({"queue_system": queue_system, "template": text})
    else:
        print(text, end="")
