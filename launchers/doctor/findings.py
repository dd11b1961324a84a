"""What a check of `misei doctor` says, and how checks are run so that none stops the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

State = Literal["ok", "warning", "failed", "skipped"]

# Not the form mongodb://[USER:PASSWORD@]HOST of an advice.
_USER_AND_PASSWORD = re.compile(r"(?<=://)[^/\s\[]*@")
_PASSWORD = re.compile(r"://[^:/@\s]*:(.*)@")
HIDDEN = "***"


@dataclass(frozen=True)
class Finding:
    """One row: what was looked at, how it stands, what was found and what to do about it."""

    what: str
    state: State
    found: str
    to_do: str = ""


def ok(what: str, found: str) -> Finding:
    """Row of something in order."""
    return Finding(what, "ok", found)


def warning(what: str, found: str, to_do: str) -> Finding:
    """Row of something that works, but not as well as it could."""
    return Finding(what, "warning", found, to_do)


def failed(what: str, found: str, to_do: str) -> Finding:
    """Row of something that does not work."""
    return Finding(what, "failed", found, to_do)


def skipped(what: str, found: str, to_do: str = "") -> Finding:
    """Row of something that was not looked at, and why."""
    return Finding(what, "skipped", found, to_do)


@dataclass(frozen=True)
class Check:
    """Something to look at; ``look`` may give several rows."""

    what: str
    look: Callable[[], Iterable[Finding]]


def run_checks(checks: Iterable[Check], secrets: Iterable[str] = ()) -> Iterator[Finding]:
    """Yield the rows of all checks; one that crashes is a failed row.

    Parameters
    ----------
    checks
        In the order of the table.
    secrets
        Keys, and URIs whose passwords must not be shown, whoever writes them into a message.
    """
    hidden = _parts_to_hide(secrets)
    for check in checks:
        for finding in _guarded(check):
            yield Finding(
                finding.what,
                finding.state,
                one_line(finding.found, hidden),
                one_line(finding.to_do, hidden),
            )


def _guarded(check: Check) -> Iterator[Finding]:
    try:
        yield from check.look()
    except Exception as error:  # whatever a broken machine comes up with
        if type(error).__module__.startswith("misei."):  # says itself what to do
            yield failed(check.what, str(error), "do as it says")
        else:
            yield failed(
                check.what,
                f"{type(error).__name__}: {error}",
                "the check itself broke off: mend what it names; if that is nothing of yours, "
                "report this line",
            )


def one_line(text: str, hidden: Iterable[str] = ()) -> str:
    """Return a text in one line, without user and password of any URI and without secrets."""
    for secret in hidden:
        text = text.replace(secret, HIDDEN)
    return _USER_AND_PASSWORD.sub("", " ".join(text.split()))


def is_uri(location: str) -> bool:
    """Whether a location may hold user and password."""
    return "://" in location


def _parts_to_hide(secrets: Iterable[str]) -> list[str]:
    parts: set[str] = set()
    for secret in secrets:
        passwords = _PASSWORD.findall(secret)
        plain = [] if is_uri(secret) else [secret]
        parts |= {form for part in [*passwords, *plain] for form in (part, unquote(part)) if form}
    return sorted(parts, key=len, reverse=True)
