"""A client that says exactly the bytes it is told, for what no library would send."""

import socket
from dataclasses import dataclass


@dataclass
class RawAnswer:
    status: int
    headers: dict[str, str]
    body: bytes
    is_closed: bool


class RawClient:
    def __init__(self, port: int, *, receive_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_bytes is not None:  # else the kernel takes megabytes for us
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port))
        self._read = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def post(self, secret: str, body: bytes, *headers: bytes) -> None:
        self.send(request(secret, body, *headers))

    def receive_some(self) -> bytes:
        """Whatever comes next; b"" at the end."""
        data = self.socket.recv(65536)
        self._read += data
        return data

    def receive_until(self, mark: bytes) -> bytes:
        """All that came, once it contains `mark`; fails when the end came first."""
        while mark not in self._read:
            assert self.receive_some(), self._read[-500:]
        return self._read

    def receive_all(self) -> bytes:
        """Everything up to the end of the connection."""
        try:
            while self.receive_some():
                pass
        except ConnectionResetError:
            pass
        return self._read

    def answer(self) -> RawAnswer:
        """The next answer with a length; the client may go on after it."""
        head = self.receive_until(b"\r\n\r\n").partition(b"\r\n\r\n")[0]
        status_line, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        headers = {name.lower(): value for name, _, value in pairs}
        begin = len(head) + 4
        end = begin + int(headers.get("content-length", "0"))
        while len(self._read) < end:
            assert self.receive_some(), "the body is cut short"
        body, self._read = self._read[begin:end], self._read[end:]
        is_closed = headers.get("connection") == "close"
        return RawAnswer(int(status_line.split(" ")[1]), headers, body, is_closed)

    def close(self) -> None:
        self.socket.close()


def request(
    secret: str, body: bytes, *headers: bytes, path: bytes = b"/v1/chat/completions"
) -> bytes:
    lines = [
        b"POST %b HTTP/1.1" % path,
        b"host: proxy",
        b"authorization: Bearer %b" % secret.encode(),
        *headers,
    ]
    if not any(b"transfer-encoding" in line for line in headers):
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
