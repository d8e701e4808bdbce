"""A mail server on this machine that keeps what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.controller import Controller

from server.core import free_port


@dataclass
class Mailbox:
    """What a mail server took. address: where apprise sends to it."""

    address: str
    messages: list[Any] = field(default_factory=list)

    @property
    def subjects(self) -> list[str]:
        """The subjects, in the order in which they came."""
        return [str(message["Subject"]) for message in self.messages]

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802 - the library's own name
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def receiving() -> Iterator[Mailbox]:
    """The server while it lasts."""
    port = free_port()
    mailbox = Mailbox(f"mailto://127.0.0.1:{port}/?from=watch@example.org&to=me@example.org&mode=insecure")
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield mailbox
    finally:
        server.stop()
