"""harmed.py - a proxy of tests/ways before a web server, which harms as one of
a visitor's does.
"""

import subprocess
import sys

from yard import ROOT


class Harmed:
    """The proxy's address is url, as long as it was not closed."""

    def __init__(self, way, port, *args):
        self.proc = subprocess.Popen(
            [sys.executable, ROOT / "tests" / "ways" / "proxy.py", way,
             "--to", "127.0.0.1:%d" % port, *args],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.proc.stdout.readline())
        self.url = "http://127.0.0.1:%d" % self.port

    def close(self):
        self.proc.communicate("", timeout=20)
