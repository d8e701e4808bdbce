"""Sockets with two things that HTTP libraries lack: an end for an answer as a whole, and addresses that are not asked.

A time-out of a library counts from one byte to the next, so that a server which sends a byte a second is waited for
without end. Here the socket itself is shut down when the time for the whole is over. And a name or a redirect may lead
to this machine or to the network's own services: such an address is refused once it is known, before anything is sent.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

_here = threading.local()  # the deadline of the request that this thread is sending


class LocalAddress(OSError):
    """A host whose address is this machine's, or is meant for the network's own services."""


class Deadline:
    """The end of an answer: its socket is shut down then, whoever reads from it, and in whatever state it is."""

    def __init__(self, seconds: float, what: str) -> None:
        self.what = what
        self.is_over = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(max(seconds, 0.0), self._end)
        self._timer.daemon = True
        self._timer.start()

    def heed(self, sock: socket.socket | None) -> None:
        """Let this socket be the one that is shut down; at once, where the time is over."""
        with self._lock:
            self._socket = sock
            if self.is_over:
                self._shut()

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def stop(self) -> None:
        """The answer is whole, or given up: nothing is shut down any more."""
        self._timer.cancel()
        with self._lock:
            self._socket = None


@contextlib.contextmanager
def heeding(deadline: Deadline) -> Iterator[None]:
    """Requests that this thread sends inside end with the deadline."""
    _here.deadline = deadline
    try:
        yield
    finally:
        _here.deadline = None


def refuse_local(sock: socket.socket, host: str) -> None:
    """Raise LocalAddress where a socket leads to a loopback, link-local or unspecified address."""
    peer = sock.getpeername()
    address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or address
    if mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified:
        sock.close()
        raise LocalAddress(
            f"{host} is {mapped}, an address of this machine or network itself: `allow_local = true` in the source's "
            "settings allows it"
        )


class _Mixed:
    """What both kinds of connection do beside what the library does."""

    allows_local = False

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        is_of_a_proxy = getattr(self, "proxy", None) is not None
        if not self.allows_local and not is_of_a_proxy:
            refuse_local(sock, str(getattr(self, "host", "")))
        self._heed(sock)
        return sock

    def getresponse(self) -> Any:
        self._heed(getattr(self, "sock", None))
        return super().getresponse()  # type: ignore[misc]

    def _heed(self, sock: socket.socket | None) -> None:
        deadline: Deadline | None = getattr(_here, "deadline", None)
        if deadline is not None:
            deadline.heed(sock)


class _Http(_Mixed, HTTPConnection):
    pass


class _Https(_Mixed, HTTPSConnection):
    pass


class _LocalHttp(_Http):
    allows_local = True


class _LocalHttps(_Https):
    allows_local = True


def _pools(http: type[HTTPConnection], https: type[HTTPSConnection]) -> dict[str, type[Any]]:
    class Plain(urllib3.HTTPConnectionPool):
        ConnectionCls = http

    class Encrypted(urllib3.HTTPSConnectionPool):
        ConnectionCls = https

    return {"http": Plain, "https": Encrypted}


_GUARDED, _ALLOWING = _pools(_Http, _Https), _pools(_LocalHttp, _LocalHttps)


class Adapter(HTTPAdapter):
    """How a session of requests gets its sockets. allow_local: whether this machine's addresses may be asked."""

    def __init__(self, *, allow_local: bool) -> None:
        self._classes = _ALLOWING if allow_local else _GUARDED
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """The manager of connections, with ours."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        """The manager of connections by a proxy: where those lead is the proxy's to decide."""
        manager = super().proxy_manager_for(proxy, **named)
        manager.pool_classes_by_scheme = _ALLOWING
        return manager
