#!/usr/bin/python3
"""site.py - a site with the application, for test.mjs: commands on stdin.

usage: site.py nginx | lighttpd	[listen]

	kill | start			the responder
	kill-web | start-web		the web server

The socket of the responder is kept while it is dead, as by systemd.  With `listen`
it is not, and the web server answers.

Each command is answered with one line of JSON when it is done.  The first line
needs no command: the address, the directory, and what the model says.  At the end
of stdin everything is stopped.
"""

import http.server
import json
import os
import pathlib
import shutil
import sys
import threading

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
WEB = HERE.parent / "web"
sys.path[:0] = [str(WEB / "kit"), str(WEB), str(HERE)]

from app import App  # noqa: E402  (the path comes first)
from model import TOKENS  # noqa: E402
from test_handover import Handing  # noqa: E402
from yard import ROOT, ROOTED  # noqa: E402

PROGRAM = "/app/chat.cgi"


class Asked(http.server.BaseHTTPRequestHandler):
    """The application behind nginx."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path, _, query = self.path.removeprefix(PROGRAM).partition("?")
        to, own = self.server.app.answer(self.command, path, query, body)
        self.send_response(200 if to else own[0])
        if to:
            self.send_header("X-Accel-Redirect", to)
        else:
            self.send_header("Content-Type", "application/json")
        self.end_headers()
        if own and own[1] is not None:
            self.wfile.write(json.dumps(own[1]).encode())

    do_GET = do_POST

    def log_message(self, *_):
        pass


class Clients(Handing):
    def __init__(self, web, how):
        super().__init__(web, "proxied" if web == "nginx" else "lighttpd",
                         options=["--handover", "--retry", "300"], how=how)
        runs = self.dir / "runs"
        runs.mkdir()
        if ROOTED:                  # CGI programs are another user
            shutil.chown(runs, "www-data", "www-data")
            self.share_log()
            self.log.chmod(0o660)
        for name, copy in ("app.py", "chat.cgi"), ("model.py", "model.py"):
            shutil.copy(HERE / name, self.dir / "app" / copy)
            (self.dir / "app" / copy).chmod(0o755)
        shutil.copytree(ROOT / "build/clients/pages",
                        self.dir / "demo/clients")
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", self.app_port), Asked)
        server.app = App(self.dir)
        threading.Thread(target=server.serve_forever, daemon=True).start()


def obey(y, command):
    {"kill": y.kill_responder, "start": y.start_responder,
     "kill-web": y.kill_web, "start-web": y.start_web}[command]()
    return True


def say(what):
    print(json.dumps(what), flush=True)


def main(web, how="socket"):
    y = Clients(web, how)
    try:
        y.begin()
        say({"url": y.url, "app": y.url + PROGRAM, "dir": str(y.dir),
             "tokens": TOKENS})
        for line in sys.stdin:
            say(obey(y, line.strip()))
    finally:
        for name, text in y.logs():
            print("--- %s\n%s" % (name, text), file=sys.stderr)
        y.close()


if __name__ == "__main__":
    os.umask(0o022)
    main(*sys.argv[1:])
