"""examples.py - the examples of deploy/, each behind a web server, for servers.py.

A model says no more than the test lets it say, so "in the middle" is a place and
not a time.

	say N		the model may say N words of its newest answer, in all; before
			a new answer: say 0
	words		all words of that answer
	left		how often somebody left the model before it had ended
	kill-fpm | start-fpm
	kill-producer	kill -9 what runs, by the pid in its lock
	rows SQL	what the log says
	user NAME	whoever asks the application is this user from now on
	build TOPIC STATUS	a command under build.sh, which says what it is told
	line TEXT | end | kill-build
	address TOPIC	where its page is
"""

import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading

from hosts import Site
from yard import (LOAD, ROOT, ROOTED, alive, children, end_process, is_open,
                  until)

EXAMPLES = ROOT / "deploy/examples"
sys.path.append(str(EXAMPLES / "chat"))

import model  # noqa: E402  (the path comes first)


def has_open(pid, path):
    """Has this process the file open, as descriptor 3?"""
    try:
        return os.path.samefile("/proc/%d/fd/3" % pid, path)
    except OSError:
        return False


FPM = """[global]
error_log = %(dir)s/fpm.log
[example]
listen = %(dir)s/php.sock
listen.mode = 0666
pm = static
pm.max_children = 3
clear_env = no
catch_workers_output = yes
php_admin_value[opcache.enable] = 0
php_value[session.save_path] = %(dir)s/log
%(who)s
"""
WITHOUT_PHP = ("build", "score")
INCLUDES = {"nginx": ("include events.conf;",
                      "include events.conf;\n\t\tinclude app.conf;"),
            "lighttpd": ('include "events.conf"',
                         'include "events.conf"\ninclude "app.conf"')}


class Gated(model.Model):
    """The demo's model, which waits until it may say the next word."""

    turn = threading.Condition()
    newest, allowed, answer, left = None, 0, [], 0

    def do_POST(self):
        with self.turn:
            self.said, Gated.newest = 0, self
        super().do_POST()
        with self.turn:
            Gated.left += self.said < len(self.mine)

    def words(self, messages):
        self.mine = super().words(messages)
        with self.turn:
            Gated.answer = self.mine
        return self.mine

    def pace(self):
        with self.turn:
            while self.said >= Gated.allowed and Gated.newest is self:
                if not self.turn.wait(0.02) and self.gone():
                    raise OSError("gone")
            if Gated.newest is not self:
                raise OSError("there is a newer one")
            self.said += 1

    def gone(self):
        """Has who asked hung up?"""
        self.connection.setblocking(False)
        try:
            return self.connection.recv(1) == b""
        except BlockingIOError:
            return False
        finally:
            self.connection.setblocking(True)


class Example(Site):
    def __init__(self, name, web):
        self.name, self.model, self.build, self.fpm = name, None, None, None
        super().__init__(web, start=False)
        key = self.dir / "key"
        key.write_text("0123456789abcdef" * 4)
        key.chmod(0o640)
        if ROOTED:                  # PHP is www-data, as the log is
            shutil.chown(key, group="www-data")
        self.options += ["--retry", "300", "--key-file", str(key)]
        if name == "score":
            self.options += ["--public", "match/*"]
        for path in [*EXAMPLES.glob(name + "/www/*"), EXAMPLES / "examples.css"]:
            shutil.copy(path, self.dir / "demo")
        for path in [*EXAMPLES.glob(name + "/*.php"), *EXAMPLES.glob("*.php")]:
            shutil.copy(path, self.dir)
        for path in EXAMPLES.glob(name + "/*.sql"):
            self.sqlite3("\n" + path.read_text())
        if name == "dashboard":
            self.run("watch", str(self.log), "orders")
        if ROOTED:
            self.share_log()
            self.log.chmod(0o660)
        self.env = dict(os.environ, LARGESSE_DB=str(self.log), no_proxy="127.0.0.1",
                        LARGESSE_KEY_FILE=str(self.dir / "key"),
                        IMPORT_PAUSE_US="100000")

    def ship(self, name, *changes, folder=None):
        super().ship(name, *changes, folder=folder)
        if name == self.web + ".conf" and self.name not in WITHOUT_PHP:
            self.edit(name, *INCLUDES[self.web])
            conf = (EXAMPLES / "web" / name).read_text()
            (self.dir / "app.conf").write_text(conf.replace(
                "/run/php/php8.2-fpm.sock", str(self.dir / "php.sock")))

    def start(self):
        if self.name == "chat":
            self.model = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gated)
            threading.Thread(target=self.model.serve_forever).start()
            self.env.update(OPENAI_BASE_URL="http://127.0.0.1:%d/v1" %
                            self.model.server_port, OPENAI_API_KEY="sk-a",
                            MODEL="demo")
        if self.name not in WITHOUT_PHP:
            self.start_fpm()
        self.begin()

    # --- PHP

    def start_fpm(self):
        (self.dir / "fpm.conf").write_text(FPM % dict(dir=self.dir, who=(
            "user = www-data\ngroup = www-data" if ROOTED else "")))
        (self.dir / "php.sock").unlink(missing_ok=True)
        with open(self.dir / "fpm.log", "ab") as log:
            self.fpm = subprocess.Popen(
                ["php-fpm8.2", "-F", "-y", str(self.dir / "fpm.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
        until("php-fpm listens", lambda: is_open(self.dir / "php.sock"))

    def kill_fpm(self):
        pids = until("it has workers", lambda: children(self.fpm.pid))
        end_process(self.fpm, signal.SIGKILL)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            until("worker %d is gone" % pid, lambda: not alive(pid))

    def producers(self):
        """Their pids, as far as they have been started.  The pid of one that has
        ended may be a stranger's by now, who does not have the lock."""
        return [int(pid) for path in self.log.parent.glob("*.lock")
                for pid in path.read_text().split() if has_open(int(pid), path)]

    def kill_producer(self):
        for pid in until("there is a producer", self.producers):
            os.kill(pid, signal.SIGKILL)
            until("it is gone", lambda: not alive(pid))

    def user(self, name):
        path = self.dir / "demo" / (self.name + ".php")
        path.write_text(path.read_text().replace(
            "$user = 'demo'", "$user = '%s'" % name))

    # --- a build

    def start_build(self, topic, status):
        self.build = subprocess.Popen(
            [EXAMPLES / "build/build.sh", str(self.log), topic, "sh", "-c",
             'while IFS= read -r line && [ "$line" != end ]; do echo "$line"; done;'
             " exit " + status], stdin=subprocess.PIPE, text=True,
            env=dict(self.env, LARGESSE=LOAD))

    def line(self, text):
        self.build.stdin.write(text + "\n")
        self.build.stdin.flush()

    def address_of(self, topic):
        url = self.run("token", "--url", "--key-file", str(self.dir / "key"),
                       "--subscribe", topic).stdout.strip()
        return "%s/#%s" % (self.url, url)

    # --- commands, and the end

    def obey(self, command, rest):
        if command == "say":
            with Gated.turn:
                Gated.allowed = int(rest)
                if Gated.allowed == 0:      # the next answer is another one
                    Gated.answer = []
                Gated.turn.notify_all()
        elif command == "words":
            return Gated.answer
        elif command == "left":
            return Gated.left
        elif command == "kill-fpm":
            self.kill_fpm()
        elif command == "start-fpm":
            self.start_fpm()
        elif command == "kill-producer":
            self.kill_producer()
        elif command == "rows":
            return [list(row) for row in self.publisher().execute(rest)]
        elif command == "user":
            self.user(rest)
        elif command == "build":
            self.start_build(*rest.split())
        elif command == "line":
            self.line(rest)
        elif command == "end":
            self.line("end")
            return self.build.wait(60)
        elif command == "kill-build":
            end_process(self.build, signal.SIGKILL)
        elif command == "address":
            return self.address_of(rest)
        else:
            return None
        return True

    def close(self):
        try:
            if self.build:
                self.build.stdin.close()
                end_process(self.build)
            if self.fpm and self.fpm.poll() is None:
                end_process(self.fpm)
            for pid in self.producers():
                os.kill(pid, signal.SIGKILL)
                until("the producer is gone", lambda: not alive(pid))
        finally:
            if self.model:
                self.model.shutdown()
                self.model.server_close()
            super().close()
