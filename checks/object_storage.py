"""Object storage in memory (the Swift API v1) with Keystone v3 and TempAuth before it, for checks of what is kept there."""

import hashlib
import http.server
import json
import socketserver
import threading
import time
import urllib.parse


class ObjectStorage:
    """A server on loopback. Tokens hold for a number of requests; every answer may be slow, and all may fail for a while."""

    USER, PASSWORD, TOKEN_USES = "cinder", "object-secret", 7

    def __init__(self):
        self.containers, self.tokens, self.logins = {}, {}, 0
        self.lock = threading.Lock()
        self.delay, self.is_broken = 0, False
        storage = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                time.sleep(storage.delay)
                with storage.lock:
                    status, headers, answer = storage.answer(self.command, self.path, self.headers, body, self.server.server_port)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """Whoever asked was killed."""

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def names(self, container="volumebackups"):
        with self.lock:
            return sorted(self.containers.get(container, {}))

    def answer(self, method, target, headers, body, port):
        path, _, query = target.partition("?")
        if self.is_broken:
            return 503, {}, b""
        if path == "/v3/auth/tokens":
            user = json.loads(body)["auth"]["identity"]["password"]["user"]
            if (user["name"], user["password"]) != (self.USER, self.PASSWORD):
                return 401, {}, b""
            catalogue = [{"type": "object-store", "endpoints": [{"interface": "public", "region_id": "one", "url": self.account(port)}]}]
            return 201, {"X-Subject-Token": self.token()}, json.dumps({"token": {"catalog": catalogue}}).encode()
        if path == "/auth/v1.0":
            if (headers["X-Auth-User"], headers["X-Auth-Key"]) != (self.USER, self.PASSWORD):
                return 401, {}, b""
            return 200, {"X-Auth-Token": self.token(), "X-Storage-Url": self.account(port)}, b""
        token = headers["X-Auth-Token"]
        if self.tokens.get(token, 0) <= 0:
            return 401, {}, b""
        self.tokens[token] -= 1
        parts = [urllib.parse.unquote(part) for part in path.removeprefix("/v1/AUTH_one/").split("/", 1)]
        if len(parts) == 1:
            return self.container(method, parts[0], dict(urllib.parse.parse_qsl(query)))
        return self.object(method, *parts, headers, body)

    @staticmethod
    def account(port):
        return f"http://127.0.0.1:{port}/v1/AUTH_one"

    def token(self):
        self.logins += 1
        self.tokens[f"token-{self.logins}"] = self.TOKEN_USES
        return f"token-{self.logins}"

    def container(self, method, name, query):
        if method == "PUT":
            self.containers.setdefault(name, {})
            return 201, {}, b""
        if name not in self.containers:
            return 404, {}, b""
        if method == "HEAD":
            return 204, {}, b""
        names = [n for n in sorted(self.containers[name]) if n.startswith(query.get("prefix", "")) and n > query.get("marker", "")]
        return 200, {}, json.dumps([{"name": n} for n in names[:int(query.get("limit", 10000))]]).encode()

    def object(self, method, container, name, headers, body):
        objects = self.containers.get(container)
        if objects is None:
            return 404, {}, b""
        if method == "PUT":
            tag = hashlib.md5(body).hexdigest()
            if headers.get("ETag", tag) != tag:
                return 422, {}, b""
            objects[name] = body
            return 201, {"ETag": tag}, b""
        if name not in objects:
            return 404, {}, b""
        if method == "DELETE":
            del objects[name]
            return 204, {}, b""
        return 200, {"ETag": hashlib.md5(objects[name]).hexdigest()}, objects[name]
