"""A sign of life: one address that is asked after a run, so that somebody notices when no run comes any more."""

from __future__ import annotations

import requests

from basewatch.net.client import USER_AGENT
from basewatch.net.transport import Adapter, Deadline, heeding

SECONDS = 10.0


class NotTaken(Exception):
    """The address did not answer well; its text holds nothing of the address."""


def beat(url: str, status: int, seconds: float = SECONDS) -> None:
    """Ask an http(s) address; `{status}` in it becomes the exit status. Raises NotTaken, after `seconds` at the latest.

    The address is the user's own, so that it may lie on this machine.
    """
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter(allow_local=True))
    deadline = Deadline(seconds, "the heartbeat")
    try:
        with session, heeding(deadline):
            answer = session.get(
                url.replace("{status}", str(status)),
                headers={"User-Agent": USER_AGENT},
                timeout=seconds,
                stream=True,
            )
            answer.close()
    except Exception as error:  # whatever a library raises: its words may hold the address
        raise NotTaken(f"no answer ({type(error).__name__})") from None
    finally:
        deadline.stop()
    if not answer.ok:
        raise NotTaken(f"it answered {answer.status_code}")
