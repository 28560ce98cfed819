#!/usr/bin/python3
"""servers.py - a yard for test.mjs: commands on stdin, JSON on stdout.

	kill | term | start			the responder
	kill-web | start-web			the web server
	insert {"data": ..., "event": ...}	an event
	sqlite3 SQL				the program
	figures					run the demo's publisher
	token KIND				one of tokens.py (with `auth` only)
	log					the web server's log so far
	slow TOPIC				a client that reads nothing, and much for it
	heard					bytes sent since the last `heard`
	go WAY					the file that answers (with `shared` only)
	login USER				a cookie (with `handover` only)
	logout					that user again

Each command is answered with one line when it is done.  The first line needs
no command and has the address.  At the end of stdin everything is stopped, and
the exit status tells whether that went well.

With `auth` as an argument, the responder has a key and a tap is in front of
the web server.  One other origin is allowed, and its pages come from here as
well.  The first line then also has the address of this origin, and of an
origin that is not allowed.

With `shared` as an argument, it is the folder for shared hosting, behind Apache,
and PHP answers at first.

With `status` the first line has the address of the port of status.conf, and
that of the site.  What follows are options of the responder.

With `behind WAY` a proxy of tests/ways harms what goes between the browser and
the web server.

With `example NAME WEB` it is one of deploy/examples behind that web server, and
examples.py has more commands.

With `handover NAME` it is a site with an application, one of those of
tests/web/test_handover.py.  The first line then also has the address of the
application.
"""

import json
import pathlib
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
WEB = pathlib.Path(__file__).resolve().parents[1] / "web"
sys.path[:0] = [str(WEB / "kit"), str(WEB)]

import tokens  # noqa: E402  (the path comes first)
from examples import Example  # noqa: E402  (the path comes first)
from hosts import Site  # noqa: E402  (the path comes first)
from harmed import Harmed  # noqa: E402  (the path comes first)
from yard import ROOT, Yard, end_process, until  # noqa: E402  (the path comes first)


def insert(y, event):
    names = ", ".join(event)
    marks = ", ".join("?" * len(event))
    return y.publisher().execute("INSERT INTO events(%s) VALUES (%s)" % (names, marks),
                        list(event.values())).lastrowid


def slow(y, topic):
    """Opens a stream that nobody reads, and publishes more than its way holds."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(y.address)
    sock.sendall(b"GET /events?topic=%s HTTP/1.1\r\nHost: a\r\n\r\n" % topic.encode())
    until("its stream has begun", lambda: b"stream-start" in sock.recv(4096, socket.MSG_PEEK))
    readers.append(sock)
    for _ in range(32):
        insert(y, {"topic": topic, "data": "x" * 250000})


def obey(y, command, rest):
    if isinstance(y, Example):
        done = y.obey(command, rest)
        if done is not None:
            return done
    if command == "kill":
        y.kill_responder()
    elif command == "term":
        return end_process(y.responder)
    elif command == "start":
        y.start_responder()
    elif command == "kill-web":
        y.kill_web()
    elif command == "start-web":
        y.start_web()
    elif command == "insert":
        return insert(y, json.loads(rest))
    elif command == "sqlite3":
        y.sqlite3(rest)
    elif command == "figures":
        publishers.append(subprocess.Popen(
            ["sh", str(ROOT / "deploy/demo/figures.sh"), str(y.log)]))
    elif command == "slow":
        slow(y, rest)
    elif command == "token":
        return tokens.make(rest)
    elif command == "go":
        y.go(rest)
    elif command == "login":
        app.user = rest, app.login(rest)
        return app.user[1][0].removeprefix("Cookie: ")
    elif command == "logout":
        app.logout(*app.user)
    elif command == "heard":
        return tap.heard()
    elif command == "log":
        return (y.dir / "access.log").read_text()
    else:
        raise ValueError(command)
    return True


def say(what):
    print(json.dumps(what), flush=True)


publishers, readers = [], []
app = proxy = None
# A browser waits as long as retry: says, and is cut many times here.
if sys.argv[1:] == ["shared"]:
    from test_events_php import PhpHost, hold
    y = PhpHost(how="fcgid", settings=hold(1))
elif sys.argv[1:2] == ["example"]:
    y = Example(*sys.argv[2:])
elif sys.argv[1:2] == ["handover"]:
    from test_handover import application
    with_app = application(sys.argv[2],
                           options=["--handover", "--retry", "300"])
    y, app = with_app.y, with_app.app
elif sys.argv[1:2] == ["status"]:
    y = Site("nginx", options=["--retry", "300", *sys.argv[2:]], start=False, status=True)
else:
    y = Yard("nginx", options=["--retry", "300"], start=False)
try:
    if sys.argv[1:] == ["auth"]:
        near, far = tokens.Pages(), tokens.Pages()
        y.options += tokens.options(y.dir, near.url)
        y.start()
        tap = tokens.Tap(y.address)
        say([tap.url, near.url, far.url])
    elif sys.argv[1:] == ["shared"]:
        say(y.url + "/live")
    elif sys.argv[1:2] == ["handover"]:
        with_app.__enter__()
        say([y.url, y.url + app.path])
    else:
        y.start()
        if sys.argv[1:2] == ["behind"]:
            proxy = Harmed(sys.argv[2], y.port)
        status = sys.argv[1:2] == ["status"]
        say(["http://127.0.0.1:%d" % y.status_port, y.url] if status else
            proxy.url if proxy else y.url)
    for line in sys.stdin:
        command, _, rest = line.strip().partition(" ")
        say(obey(y, command, rest))
finally:
    if proxy:
        proxy.close()
    for p in publishers:
        end_process(p)
    for name, text in y.logs():
        print("--- %s\n%s" % (name, text), file=sys.stderr)
    try:
        y.close()
    finally:
        if app is not None:
            app.stop()
