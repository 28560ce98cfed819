#!/usr/bin/python3
"""site.py - the shipped nginx, a responder and a log, for interop.mjs.

Commands on stdin, a word and its arguments a line; each is answered with one
line of JSON when it is done:

	rows FROM TO		publish these rows, in each form that a client needs
	end | kill | start	the responder: SIGTERM, kill -9, again
	reload			nginx, whose old workers are gone when it returns
	prune N			keep the newest N rows
	leave | return		the responder and its socket are gone, and come back
	close-door		again, and now each stream needs a token

The socket of the responder is kept while it is dead, as by systemd, but for
`leave`.  The first line needs no command: the address, and where nginx logs
each request.  At the end of stdin everything is stopped.
"""

import json
import os
import pathlib
import shutil
import signal
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "web/kit"))

from hosts import Site  # noqa: E402  (the path comes first)
from yard import ROOT, alive, end_process, until  # noqa: E402

# Every client is counted, and nobody has to wait ten seconds.
EDITS = [("worker_shutdown_timeout 10s;", "worker_shutdown_timeout 1s;"),
         ("access_log off;", "access_log access.log;"),
         ("set $largesse_retry $1$2$3$4;", "set $largesse_retry $1$2$3;")]
SCRIPT = ROOT / "build/clients/interop"


def data(n):
    """A row: JSON, every third in several lines."""
    return json.dumps({"n": n, "text": 'é✓ "\\ :'}, ensure_ascii=False,
                      indent=1 if n % 3 == 2 else None)


def forms(n):
    """The row as EventSource, as Turbo and as Datastar have to have it."""
    element = '<p id="row-%d">%d</p>' % (n, n)
    yield "main", "note" if n % 4 == 1 else None, data(n)
    yield "turbo", None, ('<turbo-stream action="append" target="rows">\n'
                          "<template>%s</template>\n</turbo-stream>" % element)
    yield "datastar", "datastar-merge-fragments", (
        "selector #rows\nmergeMode append\nfragments " + element)


class Interop(Site):
    def __init__(self):
        super().__init__("nginx", options=["--retry", "300"], edits=EDITS,
                         start=False)
        shutil.copytree(SCRIPT, self.dir / "demo/interop")

    def rows(self, first, last):
        db = self.publisher()
        db.execute("BEGIN IMMEDIATE")
        for n in range(int(first), int(last) + 1):
            db.executemany("INSERT INTO events(topic, event, data) "
                           "VALUES(?, ?, ?)", forms(n))
        db.execute("COMMIT")

    def end(self):
        end_process(self.responder)

    def reload(self):
        old = self.web_workers()
        self.server.send_signal(signal.SIGHUP)
        for pid in old:
            until("worker %d is gone" % pid, lambda: not alive(pid))

    def prune(self, n):
        self.run("prune", str(self.log), "--keep-rows", n)

    def close_door(self):
        end_process(self.responder)
        key = self.dir / "key"
        key.write_text("k" * 64)
        key.chmod(0o600)
        self.options += ["--key-file", str(key)]
        self.start_responder()


def obey(y, word, *args):
    {"rows": y.rows, "end": y.end, "kill": y.kill_responder,
     "start": y.start_responder, "reload": y.reload, "prune": y.prune,
     "leave": y.leave, "return": y.come_back,
     "close-door": y.close_door}[word](*args)
    return True


def say(what):
    print(json.dumps(what), flush=True)


def main():
    y = Interop()
    try:
        y.begin()
        say({"url": y.url, "log": str(y.dir / "access.log")})
        for line in sys.stdin:
            say(obey(y, *line.split()))
    finally:
        for name, text in y.logs():
            print("--- %s\n%s" % (name, text), file=sys.stderr)
        y.close()


if __name__ == "__main__":
    os.umask(0o022)
    main()
