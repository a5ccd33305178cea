"""Many clients of a cloud at once, for checks and benchmarks that load it."""

import heapq
import json
import selectors
import socket
import time

from cloud import expect


class Crowd:
    """Clients with a connection each, served by one thread, so that the measuring takes little of the processors."""

    def __init__(self, port, token, clients):
        self.selector = selectors.DefaultSelector()
        self.token = token
        self.sockets = []
        for _ in range(clients):
            client = socket.create_connection(("127.0.0.1", port))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setblocking(False)
            self.sockets.append(client)

    def request(self, method, path, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        return (f"{method} {path} HTTP/1.1\r\nHost: bench\r\nX-Auth-Token: {self.token}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(data)}\r\n\r\n").encode() + data

    def run(self, scripts, deadline=120):
        """Gives each client a script: a generator that yields a request, the status it wants and how long to wait before it is
        sent, and is given the answer's body and how long it took in seconds."""
        active, later, end = {}, [], time.monotonic() + deadline

        def step(client, script, answer=None):
            """Lets a script go on; its next request is sent at once or in a while."""
            try:
                request, status, wait = script.send(answer)
            except StopIteration:
                return
            if wait:
                heapq.heappush(later, (time.monotonic() + wait, id(client), client, script, request, status))
            else:
                send(client, script, request, status)

        def send(client, script, request, status):
            active[client] = (bytearray(), time.perf_counter(), script, status)
            self.selector.register(client, selectors.EVENT_READ)
            client.sendall(request)

        for client, script in zip(self.sockets, scripts):
            step(client, script)
        while active or later:
            expect(time.monotonic() < end, f"{len(active)} requests were not answered")
            while later and later[0][0] <= time.monotonic():
                send(*heapq.heappop(later)[2:])
            for key, _ in self.selector.select(max(0, later[0][0] - time.monotonic()) if later else 1):
                client = key.fileobj
                buffer, began, script, status = active[client]
                buffer += client.recv(1 << 20)
                body = self.whole(buffer)
                if body is None:
                    continue
                took = time.perf_counter() - began
                expect(buffer.startswith(b"HTTP/1.1 %d" % status), f"answered {bytes(buffer[:600])}")
                del active[client]
                self.selector.unregister(client)
                step(client, script, (body, took))

    @staticmethod
    def whole(buffer):
        """An answer's body once all of it is there."""
        head = buffer.find(b"\r\n\r\n")
        if head < 0:
            return None
        for line in bytes(buffer[:head]).lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
                return bytes(buffer[head + 4:]) if len(buffer) >= head + 4 + length else None
        return b""
