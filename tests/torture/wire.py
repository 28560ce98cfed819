"""wire.py - a TCP link that can stall, as one does that drops packets.

Bytes that come while it stalls go on later.  Half of a connection may stall
alone.  cut() ends all connections, as a firewall does that forgets them.
"""

import selectors
import socket
import threading
import time


class Wire(threading.Thread):
    def __init__(self, to):
        super().__init__(daemon=True)
        self.to = to
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        self.poll = selectors.DefaultSelector()
        self.poll.register(self.door, selectors.EVENT_READ, None)
        self.pairs = {}                 # a socket: the other end
        self.stalls = set()             # "to", "from"
        self.ending = self.cutting = False
        self.start()

    def run(self):
        while not self.ending:
            if self.cutting:
                for sock in list(self.pairs):
                    self.drop(sock)
                self.cutting = False
            held = False
            for key, _ in self.poll.select(0.05):
                held |= not self.pass_on(key.fileobj, key.data)
            if held:
                time.sleep(0.02)
        for sock in [*self.pairs, self.door]:
            sock.close()
        self.poll.close()

    def pass_on(self, sock, way):
        """False: this way stalls."""
        if way is None:
            self.accept()
            return True
        if way in self.stalls:
            return False
        if sock not in self.pairs:
            return True
        try:
            data = sock.recv(65536)
            if data:
                self.pairs[sock].sendall(data)
                return True
        except OSError:
            pass
        self.drop(sock)
        return True

    def accept(self):
        client, _ = self.door.accept()
        try:
            server = socket.create_connection(self.to, 2)
        except OSError:
            client.close()
            return
        server.settimeout(20)
        client.settimeout(20)
        self.pairs[client], self.pairs[server] = server, client
        self.poll.register(client, selectors.EVENT_READ, "to")
        self.poll.register(server, selectors.EVENT_READ, "from")

    def drop(self, sock):
        other = self.pairs.pop(sock, None)
        if other is None:
            return
        self.pairs.pop(other, None)
        for s in (sock, other):
            self.poll.unregister(s)
            s.close()

    def cut(self):
        self.cutting = True

    def close(self):
        self.ending = True
        self.join(5)
