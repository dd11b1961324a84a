"""What can go wrong with the Materials Project, one line each."""

from __future__ import annotations

import re

_OFFLINE = "`--source mp-cache` reads what was fetched before"
_STATUS = re.compile(r"(?:status code|too many|^) ?(\d{3})\b")


class MaterialsProjectError(ValueError):
    """The Materials Project cannot be asked, or does not answer as it should."""


class ApiKeyError(MaterialsProjectError):
    """No API key, or one that the service refuses."""


class ConnectionFailedError(MaterialsProjectError):
    """The service cannot be reached."""


class RateLimitError(MaterialsProjectError):
    """The service was asked too often."""


class ServerError(MaterialsProjectError):
    """The service failed, or gave an answer that cannot be used."""


class DatabaseChangedError(MaterialsProjectError):
    """The service moved to another version of its database while it was asked."""


class NoDataError(MaterialsProjectError):
    """Elements of which the database holds no phase."""


class ThermoTypeError(MaterialsProjectError):
    """A thermo type that does not exist, or whose entries may not be pooled."""


def explain(error: Exception) -> MaterialsProjectError:
    """Return the one-line error for what mp-api or requests raised.

    mp-api puts the status into its message: "... error status code 403 on URL ..." for an
    answer, "too many 429 error responses" when it gave up after its retries.
    """
    from json import JSONDecodeError

    from requests import RequestException, Timeout

    cause = error.__context__ if isinstance(error.__context__, RequestException) else error
    match = _STATUS.search(str(error))
    if match:
        return _explain_status(int(match[1]), error)
    if isinstance(cause, Timeout) or "timed out" in str(error):
        return ConnectionFailedError(f"the Materials Project did not answer in time; {_OFFLINE}")
    if isinstance(cause, RequestException) and not isinstance(cause, JSONDecodeError):
        return ConnectionFailedError(
            f"no connection to the Materials Project: {_reason(cause)}; {_OFFLINE}"
        )
    return ServerError(
        "the Materials Project gave an answer that cannot be used: "
        f"{type(error).__name__}: {_last_words(error)}"
    )


def _explain_status(status: int, error: Exception) -> MaterialsProjectError:
    if status in (401, 403):
        return ApiKeyError(
            f"the Materials Project refuses the request (HTTP {status}): check the API key in "
            "MISEI_MP_API_KEY or MP_API_KEY (yours is at https://materialsproject.org/api); a "
            "network that it blocks gets the same answer"
        )
    if status == 429:
        return RateLimitError(
            "the Materials Project is asked too often (HTTP 429): wait some minutes, then run the "
            "command again; it goes on where it stopped"
        )
    if status >= 500:
        return ServerError(
            f"the Materials Project fails (HTTP {status}): see https://status.materialsproject.org "
            "and run the command again later"
        )
    return ServerError(f"the Materials Project refuses the request: {_last_words(error)}")


def _reason(error: Exception) -> str:
    # ConnectionError(MaxRetryError("HTTPConnectionPool(...): ... (Caused by ...: the reason)"))
    reason = " ".join(str(error).rsplit(": ", 1)[-1].split()).rstrip("\"')")
    return reason.split(" ([Errno")[0]


def _last_words(error: BaseException, length: int = 200) -> str:
    return " ".join(str(error).split())[-length:]
