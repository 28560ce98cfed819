"""redis_server.py - a redis-server of our own, for a log on Redis."""

import subprocess

from yard import end_process, is_open, until


class RedisServer:
    """A redis-server of our own, behind a socket in our directory."""

    def __init__(self, folder):
        self.socket = str(folder / "redis")
        with open(folder / "redis.log", "ab") as log:
            self.proc = subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", self.socket,
                 "--dir", str(folder), "--save", ""],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.url = "redis+unix://%s?stream=events" % self.socket
        until("redis-server listens", lambda: is_open(self.socket))

    def ask(self, *words):
        return subprocess.run(["redis-cli", "-s", self.socket, *words],
                              check=True, capture_output=True, text=True,
                              timeout=60).stdout

    def publish(self, data):
        self.ask("XADD", "events", "*", "topic", "main", "data", data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_process(self.proc)
