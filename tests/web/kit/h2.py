"""h2.py - streams on one HTTP/2 connection, by h2.mjs."""

import pathlib
import subprocess
import threading

from client import PATIENCE
from yard import end_process, until

HERE = pathlib.Path(__file__).resolve().parent


class H2:
    """What was said is in .may, .status, .events and .ended, by stream."""

    def __init__(self, url):
        self.may, self.gone = None, False
        self.status, self.events, self.ended = {}, {}, {}
        self.n = 0
        self.proc = subprocess.Popen(
            ["node", str(HERE / "h2.mjs"), url], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.proc.stdout:
            word, _, rest = line.rstrip("\n").partition(" ")
            n, _, said = rest.partition(" ")
            if word == "may":
                self.may = int(n)
            elif word == "head":
                self.status[int(n)] = int(said)
            elif word == "event":
                self.events[int(n)].append(said)
            elif word == "end":
                self.ended[int(n)] = int(said)
            else:
                self.gone = True

    def tell(self, *words):
        print(*words, file=self.proc.stdin, flush=True)

    def open(self, path="/events"):
        """Ask; returns the number of the stream."""
        self.n += 1
        self.events[self.n] = []
        self.tell("open", self.n, path)
        return self.n

    def leave(self, n):
        """RST_STREAM, as a page does that closes its EventSource."""
        self.tell("leave", n)

    def started(self, n, timeout=PATIENCE):
        until("stream %d has started" % n, lambda: self.events[n], timeout)
        return n

    def close(self):
        end_process(self.proc)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
