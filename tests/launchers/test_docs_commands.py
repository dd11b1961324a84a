"""Every command of misei that the documentation shows is one that misei has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer import Exit

from misei.launchers.cli import app
from misei.launchers.queues.cluster_file import QUEUE_SYSTEMS, load_cluster
from misei.settings import Settings
from misei.workflows.vasp_setup import VaspSettings

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
COMMANDS = typer.main.get_command(app)


def shown_commands(text: str) -> list[str]:
    """Commands in code blocks and between backticks, without what the shell makes of the rest."""
    blocks = re.findall(r"```(?:bash|console)\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`(misei [^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [
        command.strip()
        for line in [*lines, *inline]
        for command in re.split(r"[;|>]|\s#\s|&&|2>&1", line.removeprefix("$ "))
        if re.match(r"(nohup )?misei\b", command.strip())
    ]


class WrongCommandError(Exception):
    """A command line that misei would refuse."""


def check(command: str) -> None:
    """Parse a command line as misei would, without running it."""
    words, found = shlex.split(command.removeprefix("nohup "))[1:], COMMANDS
    while words and words[0] in getattr(found, "commands", {}):
        found = found.commands[words.pop(0)]
    # A command that a sentence only names has none of its arguments, nor has a group.
    if words:
        try:
            found.make_context(found.name, words)
        except Exit:
            pass  # --help, --version
        except Exception as error:  # of the click that typer brings along
            message = getattr(error, "format_message", error.__str__)()
            raise WrongCommandError(f"{command!r}: {message}") from error
        if hasattr(found, "commands") and not words[0].startswith("-"):
            raise WrongCommandError(f"{command!r}: no command {words[0]!r}")


@pytest.mark.parametrize("page", PAGES)
def test_shown_commands_exist_with_their_options(page: str) -> None:
    for command in shown_commands((ROOT / page).read_text()):
        check(command)


def test_a_wrong_command_is_noticed() -> None:
    block = "misei screen x.yaml --clutser c.yaml   # so\nmisei sceen; misei rank"
    wrong, misspelt, *right = shown_commands(f"```bash\n{block}\n```\n`misei cluster` and `make`")
    assert right == ["misei rank", "misei cluster"]
    for command in (wrong, misspelt):
        with pytest.raises(WrongCommandError, match=re.escape(command)):
            check(command)


def test_the_page_on_clusters_names_settings_that_there_are() -> None:
    text = (ROOT / "docs" / "hpc.md").read_text()
    named = set(re.findall(r"MISEI_([A-Z_]+)\b", text)) - {"REPOSITORY", "QUEUE"}
    assert named
    vasp = {f"VASP_{name.upper()}" for name in VaspSettings.model_fields}
    assert named <= {name.upper() for name in Settings.model_fields} | vasp


def test_the_page_on_clusters_names_keys_that_a_cluster_file_has(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "hpc.md").read_text()
    keys = load_cluster(ROOT / "launchers" / "queues" / "templates" / "slurm.yaml").model_fields_set
    for key in ("setup", "interface", "skip_directives", "memory_gb", "workers_per_job"):
        assert f"`{key}" in text
        assert key in keys
    for system in QUEUE_SYSTEMS:
        assert system in text
