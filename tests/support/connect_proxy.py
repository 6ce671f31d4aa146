"""A proxy of the kind that companies have: it is asked to CONNECT, and joins both ends without looking inside."""

import contextlib
import http.server
import select
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def connect_proxy() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the HOST:PORT of everything that it was asked to reach."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(self.path)
            host, port = self.path.split(":")
            with socket.create_connection((host, int(port))) as target:
                self.send_response_only(200)
                self.end_headers()
                join(self.connection, target)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def join(first: socket.socket, second: socket.socket) -> None:
    """Until one of them ends."""
    other = {first: second, second: first}
    while True:
        for ready in select.select(list(other), [], [], 60)[0]:
            data = ready.recv(1 << 16)
            if not data:
                return
            other[ready].sendall(data)
