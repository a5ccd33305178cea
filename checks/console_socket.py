"""A WebSocket client (RFC 6455) of the least that consoles need: binary frames to and fro."""

import base64
import os
import socket
import struct
import time
import urllib.parse

from cloud import CheckFailed


class WebSocket:
    """A connection to a console's proxy with a token. One that the proxy closes without a word reads as empty."""

    def __init__(self, url, token=None, timeout=10):
        address = urllib.parse.urlparse(url)
        token = urllib.parse.parse_qs(address.query).get("token", [""])[0] if token is None else token
        self.connection = socket.create_connection((address.hostname, address.port), timeout=timeout)
        key = base64.b64encode(os.urandom(16)).decode()
        self.connection.sendall((f"GET /?token={token} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
                                 f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                                 "Sec-WebSocket-Protocol: binary\r\n\r\n").encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer and self._receive():
            pass
        self.buffer = self.buffer.partition(b"\r\n\r\n")[2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def _receive(self):
        part = self.connection.recv(4096)
        self.buffer += part
        return part

    def send(self, data):
        """Sends one frame, masked as a client's are."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
        length = bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack(">BH", 0x80 | 126, len(data))
        self.connection.sendall(b"\x82" + length + mask + masked)

    def read(self):
        """The content of the next frame with any; nothing when the connection is at its end."""
        while True:
            frame = self._frame()
            if frame is None or frame[0] == 8:
                return b""
            if frame[0] in (0, 1, 2) and frame[1]:
                return frame[1]

    def _frame(self):
        """The next frame's kind and content; None at the end."""
        while True:
            size = self._length()
            if size and len(self.buffer) >= size[0] + size[1]:
                head, length = size
                kind, content = self.buffer[0] & 15, self.buffer[head:head + length]
                self.buffer = self.buffer[head + length:]
                return kind, content
            if not self._receive():
                return None

    def _length(self):
        """How long the next frame's head and content are; None when not enough of it is here."""
        if len(self.buffer) < 2:
            return None
        short = self.buffer[1] & 127
        head = {126: 4, 127: 10}.get(short, 2)
        if len(self.buffer) < head:
            return None
        return head, short if head == 2 else int.from_bytes(self.buffer[2:head], "big")

    def until(self, wanted, deadline):
        """Everything that comes until the wanted text is in it."""
        text, end = "", time.monotonic() + deadline
        while wanted not in text:
            if time.monotonic() > end:
                raise CheckFailed(f"the console does not say {wanted!r}: {text[-500:]!r}")
            try:
                part = self.read()
            except TimeoutError:
                continue
            if not part:
                raise CheckFailed(f"the console ends before it says {wanted!r}: {text[-500:]!r}")
            text += part.decode(errors="replace")
        return text
