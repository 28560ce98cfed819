"""tokens.py - what auth.mjs needs: a key, good and bad tokens, pages of other
origins, and a tap that sees what is sent.

It uses no code of the program: the tokens are made by hand from RFC 7515.
"""

import base64
import hashlib
import hmac
import http.server
import json
import socket
import threading
import time

SECRET = b"0123456789abcdef0123456789abcdef"


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def sign(claims, header={"alg": "HS256", "typ": "JWT"}, secret=SECRET):
    text = part(json.dumps(header).encode()) + b"." + part(
        json.dumps(claims).encode())
    mac = hmac.new(secret, text, hashlib.sha256).digest()
    return (text + b"." + part(mac)).decode()


def make(kind):
    """A token for the topic `secret`; kind says what is wrong with it."""
    now = time.time()
    claims = {"sub": "alice", "iat": int(now), "exp": int(now) + 3600,
              "largesse": {"subscribe": ["secret"]}}
    if kind == "good":
        return sign(claims)
    if kind == "short":         # good just long enough to be used
        return sign(dict(claims, exp=now + 8))
    if kind == "expired":
        return sign(dict(claims, exp=int(now) - 60))
    if kind == "foreign key":
        return sign(claims, secret=SECRET[::-1])
    if kind == "wrong alg":
        return sign(claims, header={"alg": "HS512", "typ": "JWT"})
    if kind == "alg none":
        return sign(claims, header={"alg": "none"}).rpartition(".")[0] + "."
    if kind == "tampered":      # new claims, the signature of another
        head, _, mac = sign(claims).split(".")
        claims["largesse"]["subscribe"] = ["*"]
        return ".".join((head, sign(claims).split(".")[1], mac))
    if kind == "over-narrow":
        claims["largesse"]["subscribe"] = ["secrets", "secret/*"]
        return sign(claims)
    raise ValueError(kind)


def options(directory, origin):
    key = directory / "key"
    key.write_bytes(SECRET + b"\n")
    key.chmod(0o600)
    return ["--key-file", str(key), "--leeway", "0", "--public", "news",
            "--allow-origin", origin]


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<!doctype html><title>another origin</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Pages:
    """Another origin: the same host, another port."""

    def __init__(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % server.server_port


class Tap:
    """Passes bytes on to an address and keeps those that come back."""

    def __init__(self, address):
        self.address = address
        self.lock = threading.Lock()
        self.kept = bytearray()
        self.door = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = "http://127.0.0.1:%d" % self.door.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.door.accept()
            far = socket.create_connection(self.address)
            for args in ((near, far, False), (far, near, True)):
                threading.Thread(target=self.flow, args=args,
                                 daemon=True).start()

    def flow(self, source, to, keep):
        try:
            while data := source.recv(65536):
                if keep:
                    with self.lock:
                        self.kept += data
                to.sendall(data)
        except OSError:
            pass
        for s in source, to:        # if one ends, both end
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def heard(self):
        with self.lock:
            text = self.kept.decode("latin-1")
            self.kept.clear()
        return text
