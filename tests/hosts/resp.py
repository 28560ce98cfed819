"""resp.py - a client of Redis that uses nothing of the program."""

import socket


class RedisError(Exception):
    pass


class Redis:
    def __init__(self, address, password, timeout=20):
        self.sock = socket.create_connection(address, timeout)
        self.file = self.sock.makefile("rb")
        self("AUTH", password)

    def __call__(self, *words):
        out = [b"*%d\r\n" % len(words)]
        for word in words:
            word = str(word).encode()
            out.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self.sock.sendall(b"".join(out))
        return self.read()

    def read(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("Redis closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest.decode()
        if rest == b"-1":
            return None
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2].decode()
        return [self.read() for _ in range(int(rest))]

    def events(self, stream="events"):
        """All entries, each with the id that a client sees and its fields."""
        got = []
        for entry, words in self("XRANGE", stream, "-", "+"):
            fields = dict(zip(words[::2], words[1::2]))
            got.append((fields.get("uid", entry), fields["data"]))
        return got

    def close(self):
        self.file.close()
        self.sock.close()
