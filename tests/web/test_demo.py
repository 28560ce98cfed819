"""test_demo.py - make demo as a person sees it: on a terminal, and through a pipe."""

import contextlib
import fcntl
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import tempfile
import termios
import threading

from client import Stream
from fronts import DEPLOY
from yard import end_process, free_port, until

ROWS, COLUMNS = 24, 80


class Said:
    """What a program has said so far."""

    def __init__(self, fd):
        self.fd, self.text = fd, ""
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with contextlib.suppress(OSError):      # a terminal whose program is gone
            while piece := os.read(self.fd, 4096):
                self.text += piece.decode(errors="replace")

    def screen(self):
        """The last rows, as a terminal shows them."""
        rows = []
        for line in self.text.replace("\r\n", "\n").split("\n"):
            newest = re.sub(r"\x1b\[\??\d*[A-Za-z]", "", line.split("\r")[-1])
            width = len(newest) if "\x1b[?7l" in line else COLUMNS
            rows += [newest[i:i + width] for i in range(0, len(newest) or 1, width or 1)]
        return rows[-ROWS:]


@contextlib.contextmanager
def demo(out, err, **env):
    with tempfile.TemporaryDirectory() as tmp:
        os.chmod(tmp, 0o711)
        proc = subprocess.Popen(
            [DEPLOY / "demo/demo.sh"], stdin=subprocess.DEVNULL, stdout=out,
            stderr=err, env=dict(os.environ, PORT=str(free_port()), TMPDIR=tmp, **env))
        try:
            yield proc
        finally:
            end_process(proc, signal.SIGTERM)
        assert proc.returncode == 0, proc.returncode
        assert not os.listdir(tmp), os.listdir(tmp)


def pasted(said):
    """The INSERT that stands there, as a shell reads it."""
    line = re.search(r"^ *(sqlite3 .*?events\.db) (\"INSERT.*\")", said, re.M)
    return shlex.split(line[1] + " " + line[2])


def test_on_a_terminal_address_and_insert_stay():
    """Forty rows later they are still on a screen of 24 lines."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    said = Said(master)
    with demo(slave, slave, TERM="xterm", SSH_CONNECTION="a b c d") as proc:
        until("figures are shown", lambda: "figures" in said.text)
        assert proc.poll() is None, said.text
        insert = pasted(said.text)
        for n in range(40):
            subprocess.run([*insert[:-1], insert[-1].replace("Hello", "Hello %d" % n)],
                           check=True)
        until("the last has come", lambda: "Hello 39" in said.text)
        shown = "".join(row.ljust(COLUMNS) for row in said.screen())
        assert re.search(r"http://127\.0\.0\.1:\d+/", shown), shown
        assert " ".join(shown.split()).count("INSERT INTO events") == 1, shown
        until("it stays", lambda: re.search(r"^Hello 39  \|  id \d+  figures",
                                            said.screen()[-1]))
    os.close(slave)


def test_without_a_terminal_each_event_is_printed():
    reader, writer = os.pipe()
    said = Said(reader)
    with demo(writer, subprocess.STDOUT) as proc:
        until("two figures came", lambda: said.text.count("event: figures") >= 2)
        assert proc.poll() is None, said.text
        assert "\x1b" not in said.text, said.text
        url = re.search(r"http://127\.0\.0\.1:(\d+)/", said.text)
        page = Stream(("127.0.0.1", int(url[1])), "/")
        assert page.status == 200 and pasted(said.text)[3] in page.rest().decode()
        subprocess.run(pasted(said.text), check=True)
        until("what was pasted came", lambda: "\ndata: Hello\n" in said.text)
    os.close(writer)
