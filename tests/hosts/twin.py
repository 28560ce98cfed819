"""twin.py - runs the recipe of deploy/redis/two-hosts.md: two web servers
with a responder each, one Redis and its replica, each on a host of its own.

What must stay true: the configuration is the one that deploy/ ships.  Only
directories, the password and the port of nginx are filled in.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

import yard
from client import Follower
from net import Host, ip
from resp import Redis
from yard import LARGESSE, ROOT, SANITIZER, put, until

PASSWORD = "a-password-of-our-own"
KEY = "a secret of at least thirty-two bytes"
SOCKET = "unix:/run/largesse/largesse.sock"


def read(name):
    return (ROOT / "deploy" / name).read_text()


class Database(Host):
    """Redis with redis.conf or replica.conf."""

    def __init__(self, twin, name, last, conf):
        super().__init__(name, last)
        twin.hosts.append(self)     # close() ends it, from now on
        self.twin = twin
        self.dir = twin.dir / name
        self.dir.mkdir()
        text = put(read("redis/" + conf), "change-me", PASSWORD)
        text = put(text, "dir /var/lib/redis", "dir %s" % self.dir)
        assert "bind %s\n" % self.ip in text, "not the recipe's address"
        (self.dir / conf).write_text(text)
        self.conf = str(self.dir / conf)
        self.server = None
        self.begin()

    def begin(self):
        self.server = self.start(["redis-server", self.conf],
                                 self.dir / "redis.log")
        until("Redis answers", self.answers)

    def answers(self):
        if self.server.poll() is not None:
            raise RuntimeError("redis-server ended with %d" %
                               self.server.returncode)
        try:
            self.ask("PING")
            return True
        except (OSError, ValueError):
            return False
        except Exception as e:
            if "LOADING" in str(e):
                return False
            raise

    def ask(self, *words):
        r = Redis((self.ip, 6379), PASSWORD)
        try:
            return r(*words)
        finally:
            r.close()

    def is_now(self, state):
        """Is this a line of its INFO?  A Redis whose role changes closes the
        connections of its clients, also the one that asks."""
        try:
            return state in self.ask("INFO", "replication")
        except OSError:
            return False

    def events(self):
        r = Redis((self.ip, 6379), PASSWORD)
        try:
            return r.events()
        finally:
            r.close()

    def kill(self):
        self.end(self.server, signal.SIGKILL)

    def take_address(self, address):
        """Take a floating address: hosts that know its old place are told."""
        self.ip_here("addr", "add", address + "/24", "dev", "eth0")
        assert self.ask("CONFIG", "SET", "bind",
                        "%s %s" % (self.ip, address)) == "OK"
        ip("neigh", "flush", "all")
        for host in self.twin.hosts:
            host.ip_here("neigh", "flush", "all")


class Web(Host):
    """nginx with deploy/nginx and a responder with redis.env.  Its listening
    socket stays open over restarts, as with systemd."""

    def __init__(self, twin, name, last):
        super().__init__(name, last)
        twin.hosts.append(self)     # close() ends it, from now on
        self.twin = twin
        self.dir = twin.dir / name
        self.dir.mkdir()
        shutil.chown(self.dir, "www-data", "www-data")
        (self.dir / "demo").mkdir()
        path = str(self.dir / "sock")
        self.held = socket.socket(socket.AF_UNIX)
        self.held.bind(path)
        os.chmod(path, 0o666)
        self.held.listen(1024)
        self.responder = None
        (self.dir / "nginx.conf").write_text(put(
            read("nginx/nginx.conf"), "127.0.0.1:8080", self.ip + ":80"))
        (self.dir / "events.conf").write_text(
            put(read("nginx/events.conf"), SOCKET, "unix:" + path))

    def open(self):
        self.begin()
        self.nginx = self.start(
            ["nginx", "-p", str(self.dir), "-c",
             str(self.dir / "nginx.conf"), "-g", "daemon off;"],
            self.dir / "nginx.log")
        self.await_port(self.nginx, 80)

    def begin(self):
        self.responder = self.start(
            [self.twin.program, "serve", "--publish", "--public", "*",
             "--key-file", str(self.twin.key), "--retry", "100"],
            self.dir / "responder.log", stdin=self.held, env=self.twin.env)

    def kill(self):
        self.end(self.responder, signal.SIGKILL)

    address = property(lambda self: (self.ip, 80))

    def follow(self, query="", **kw):
        return Follower(self.address, "/events" + query, **kw)

    def post(self, *fields):
        """POST with curl over the bridge.  Returns the status."""
        words = []
        for field in fields:
            words += ["--data-urlencode", field]
        done = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
             "--max-time", "8", "-H", "Authorization: Bearer " +
             self.twin.token, *words, "http://%s/events" % self.ip],
            capture_output=True, text=True, timeout=60)
        return int(done.stdout or 0)

    def close(self):
        status = self.end(self.responder) if self.responder else 0
        super().close()
        self.held.close()
        text = (self.dir / "responder.log").read_text(errors="replace")
        if SANITIZER.search(text):
            raise AssertionError("the sanitizer found: " + text)
        if status != 0:
            raise AssertionError("the responder ended with %d" % status)


class Twin:
    def __init__(self, program=LARGESSE, sentinels=False):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="largesse-hosts-"))
        self.dir.chmod(0o755)
        self.hosts = []
        self.program = program
        yard.open_yards.append(self)
        self.key = self.dir / "key"
        self.key.write_text(KEY + "\n")
        self.env = dict(os.environ)
        text = put(read("redis/redis.env"), "change-me", PASSWORD)
        if sentinels:
            text = put(text, "#LARGESSE_DB", "LARGESSE_DB")
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.partition("=")
                self.env[name] = value
        self.url = self.env["LARGESSE_DB"]
        self.master = self.add(Database, "db1", 21, "redis.conf")
        self.replica = self.add(Database, "db2", 22, "replica.conf")
        until("the replica follows", lambda: self.replica.is_now(
            "master_link_status:up"))
        self.webs = [self.add(Web, "web1", 11), self.add(Web, "web2", 12)]
        if sentinels:
            self.start_sentinels([*self.webs, self.replica])
        self.largesse("init", self.url)
        self.token = self.largesse(
            "token", "--key-file", str(self.key), "--publish", "*").strip()
        for web in self.webs:
            web.open()

    def start_sentinels(self, hosts):
        """They find each other through Redis."""
        for host in hosts:
            text = put(read("redis/sentinel.conf"), "change-me", PASSWORD)
            text = put(text, "bind 10.77.0.11", "bind " + host.ip)
            text = put(text, "dir /var/lib/redis", "dir %s" % host.dir)
            conf = host.dir / "sentinel.conf"
            conf.write_text(text)
            host.start(["redis-server", str(conf), "--sentinel"],
                       host.dir / "sentinel.log")
        for host in hosts:
            until("the Sentinel of %s knows the others" % host.name,
                  lambda: self.knows(host, len(hosts) - 1))

    def knows(self, host, others):
        try:
            r = Redis((host.ip, 26379), PASSWORD)
        except OSError:
            return False
        try:
            return ("slaves=1,sentinels=%d" % (others + 1)) in r(
                "INFO", "sentinel")
        finally:
            r.close()

    def await_master(self, database):
        """Sentinels that vote at the same moment split their votes.  They
        vote again after 20 seconds, and may split them again."""
        until("%s is master" % database.name, lambda: database.is_now(
            "role:master"), 180)
        self.master = database

    def add(self, kind, *how):
        return kind(self, *how)

    def largesse(self, *words, check=True):
        """Run the program here, on the bridge."""
        done = subprocess.run([self.program, *words], env=self.env,
                              capture_output=True, text=True, timeout=60)
        if check and done.returncode != 0:
            raise RuntimeError("largesse %s: %s" % (words[0], done.stderr))
        return done.stdout if check else done.returncode

    def redis_cli(self, *words):
        """Returns the id of what was added, or an error, as text."""
        return subprocess.run(
            ["redis-cli", "-h", self.master.ip, "-a", PASSWORD,
             "--no-auth-warning", *words], capture_output=True, text=True,
            timeout=60).stdout.strip()

    def logs(self):
        for path in sorted(self.dir.glob("*/*.log")):
            text = path.read_text(errors="replace").strip()
            if text:
                yield "%s/%s" % (path.parent.name, path.name), text[-3000:]

    def close(self):
        yard.open_yards.remove(self)
        trouble = None
        for host in reversed(self.hosts):
            try:
                host.close()
            except Exception as e:
                trouble = trouble or e
        if trouble:
            raise trouble
        shutil.rmtree(self.dir)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
