"""The stand-in's HTTP server: one process, a thread for each connection, on loopback alone.

It is Django's own threaded server rather than a faster one for three reasons. The port is bound
before anything is told, so 0 is safe; killing the one process kills all of it, as the crash tests
need; and a view can hang up without an answer, which a bank that loses its line must do.
"""

import socket
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

HOST = "127.0.0.1"


class Handler(WSGIRequestHandler):
    """Serves one connection; small answers go out at once."""

    disable_nagle_algorithm = True

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        return environ | {"standin.hang_up": self.hang_up}

    def hang_up(self) -> None:
        """Close the connection; whatever the view still answers is lost."""
        line: socket.socket = self.request  # type: ignore[assignment]
        line.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


class Server(ThreadedWSGIServer):
    """Accepts connections on loopback."""

    request_queue_size = 128


def bind(*, port: int) -> Server:
    """Bind the port, or a free one for 0. Raises OSError when it is taken."""
    return Server((HOST, port), Handler)
