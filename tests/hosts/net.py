"""net.py - hosts in network namespaces, on one bridge, as root.

run puts the whole test into namespaces of its own, for networks, mounts and
processes (see enter).  So nothing of it is seen outside, its names and
addresses are always free, and all of it is gone when the test ends.  The test
itself is on the bridge and plays the browsers.

A Host has an address, processes, and a link that can be unplugged.
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys

from yard import end_process, until

INSIDE = "HOSTS_INSIDE"
US = "10.77.0.1"


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError("ip %s: %s" % (" ".join(words), done.stderr.strip()))
    return done.stdout


def enter():
    """Returns only inside the namespaces.  Where they are not permitted,
    the test fails and says so."""
    if os.environ.get(INSIDE):
        build()
        return
    os.environ[INSIDE] = "1"
    words = ["unshare", "--net", "--mount", "--pid", "--mount-proc",
             "--fork", "--kill-child=SIGTERM"]
    if os.geteuid() != 0:
        words.append("--map-root-user")
    done = subprocess.run([*words, "true"], capture_output=True, text=True)
    if done.returncode != 0:
        fail(done.stderr.strip())
    os.execvp(words[0], [*words, sys.executable, *sys.argv])


def build():
    try:
        ip("link", "set", "lo", "up")
        pathlib.Path("/run/netns").mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/netns"],
                       check=True)
        ip("link", "add", "br0", "type", "bridge")
        ip("addr", "add", US + "/24", "dev", "br0")
        ip("link", "set", "br0", "up")
    except (OSError, subprocess.CalledProcessError) as e:
        fail(str(e))


def fail(why):
    print("not ok 1 - two hosts in network namespaces\n"
          "# no namespaces here: %s\n1..1" % why)
    sys.exit(1)


class Host:
    def __init__(self, name, last):
        self.name, self.ip = name, "10.77.0.%d" % last
        self.ns = "/run/netns/" + name
        self.running = []
        ip("netns", "add", name)
        ip("link", "add", "to-" + name, "type", "veth", "peer", "name",
           "eth0", "netns", name)
        ip("link", "set", "to-" + name, "master", "br0")
        ip("link", "set", "to-" + name, "up")
        self.ip_here("addr", "add", self.ip + "/24", "dev", "eth0")
        self.ip_here("link", "set", "lo", "up")
        self.ip_here("link", "set", "eth0", "up")

    def ip_here(self, *words):
        ip("-n", self.name, *words)

    def inside(self, argv):
        return ["nsenter", "--net=" + self.ns, *argv]

    def start(self, argv, log, **popen):
        """A process on this host.  nsenter becomes it, so its id is right."""
        with open(log, "ab") as f:
            proc = subprocess.Popen(self.inside(argv), stdout=f, stderr=f,
                                    **{"stdin": subprocess.DEVNULL, **popen})
        self.running.append(proc)
        return proc

    def end(self, proc, sig=signal.SIGTERM):
        self.running.remove(proc)
        return end_process(proc, sig)

    def run(self, argv, **how):
        """The output of a command that ends."""
        return subprocess.run(self.inside(argv), text=True, timeout=60,
                              capture_output=True, **how)

    def listens(self, port):
        with socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex((self.ip, port)) == 0

    def await_port(self, proc, port):
        def up():
            if proc.poll() is not None:
                raise RuntimeError("%s on %s ended with %s" % (
                    proc.args[2], self.name, proc.returncode))
            return self.listens(port)
        until("%s listens on %d" % (self.name, port), up)

    def unplug(self):
        ip("link", "set", "to-" + self.name, "down")

    def plug(self):
        ip("link", "set", "to-" + self.name, "up")

    def close(self):
        for proc in list(reversed(self.running)):
            self.end(proc, signal.SIGKILL)
        ip("link", "del", "to-" + self.name)
        ip("netns", "del", self.name)
