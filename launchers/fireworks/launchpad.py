"""The LaunchPad of FireWorks: where it is, and how it is reached."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from misei.launchers import store
from misei.settings import Settings

if TYPE_CHECKING:
    from fireworks import LaunchPad

DEFAULT_DATABASE = "fireworks"
ANSWER_WITHIN_S = 5.0
QUIET = "CRITICAL"  # FireWorks logs to stdout
HOW_TO = (
    "set MISEI_LAUNCHPAD=mongodb://USER:PASSWORD@HOST:PORT/DATABASE (special characters of the "
    "password as %XX), or configure FireWorks (my_launchpad.yaml)"
)


class LaunchPadError(ValueError):
    """A LaunchPad that is not configured or does not answer."""


def public_name(location: str) -> str:
    """Return what names a store or LaunchPad to everybody: no user, password and options.

    Parameters
    ----------
    location
        ``mongodb://...``, or the path of a file, which comes back absolute.
    """
    if "://" not in location:
        return str(Path(location).resolve())
    return store.public_name(location).rstrip("/")


def has_launchpad(settings: Settings) -> bool:
    """Whether a LaunchPad is configured, by misei's settings or by FireWorks'."""
    if settings.launchpad is not None:
        return True
    from fireworks import fw_config

    return fw_config.LAUNCHPAD_LOC is not None


def open_launchpad(settings: Settings) -> LaunchPad:
    """Connect to the LaunchPad and prepare its database where it is new.

    Raises
    ------
    LaunchPadError
        When none is configured, or it does not answer within seconds.
    """
    if not has_launchpad(settings):
        raise LaunchPadError(f"no LaunchPad is configured: {HOW_TO}")
    if settings.launchpad is not None:
        launchpad = _from_uri(settings.launchpad.get_secret_value())
    else:
        launchpad = _from_file()
    _prepare(launchpad)
    return launchpad


def launchpad_name(launchpad: LaunchPad) -> str:
    """Host and database of a LaunchPad, nothing secret."""
    if launchpad.uri_mode:
        host = urlsplit(public_name(launchpad.host)).netloc
        return f"{host}/{launchpad.name}"
    return f"{launchpad.host}:{launchpad.port}/{launchpad.name}"


def _from_uri(uri: str) -> LaunchPad:
    from fireworks import LaunchPad

    database = unquote(urlsplit(public_name(uri)).path.strip("/")) or DEFAULT_DATABASE
    try:
        return LaunchPad(host=uri, uri_mode=True, name=database, strm_lvl=QUIET)
    except Exception:
        # pymongo may quote parts of the URI: neither its text nor its traceback goes on.
        pass
    raise LaunchPadError(f"MISEI_LAUNCHPAD is not the address of a MongoDB: {HOW_TO}")


def _from_file() -> LaunchPad:
    from fireworks import LaunchPad, fw_config

    try:
        launchpad = LaunchPad.auto_load()
    except Exception:
        launchpad = None
    if launchpad is None:
        raise LaunchPadError(f"FireWorks cannot use {fw_config.LAUNCHPAD_LOC}: {HOW_TO}")
    launchpad.m_logger.handlers.clear()
    return launchpad


def _prepare(launchpad: LaunchPad) -> None:
    """Ask the server, and give a new database FireWorks' counters and indexes."""
    import pymongo
    from pymongo.errors import OperationFailure, PyMongoError

    reason = ""
    try:
        with pymongo.timeout(ANSWER_WITHIN_S):
            new = launchpad.fw_id_assigner.find_one() is None
        if new:
            counters = {"next_fw_id": 1, "next_launch_id": 1}
            # Under one _id: of two processes that come first at once, one makes them.
            launchpad.fw_id_assigner.update_one(
                {"_id": "misei"}, {"$setOnInsert": counters}, upsert=True
            )
            launchpad.tuneup()
            for key in ("spec.uuid", "spec.campaign"):
                launchpad.fireworks.create_index(key)
    except OperationFailure as error:
        reason = f"refuses access ({(error.details or {}).get('errmsg', 'not authorized')})"
    except PyMongoError as error:
        reason = f"does not answer ({str(error).partition(',')[0]})"
    if reason:
        raise LaunchPadError(
            f"the LaunchPad {launchpad_name(launchpad)} {reason}: start its MongoDB, or check "
            "MISEI_LAUNCHPAD and the network"
        )
