"""limits.py - no room on the disk, no descriptors, no inotify, no rights."""

import os
import resource
import subprocess
import sys

from faults.processes import wait
from faults.registry import fault
from stage import USER

SQLITE = ("sqlite",)


@fault("log", engines=SQLITE, weight=2)
def disk_full(stage, dice):
    """For publishers, the writer and the responder's -shm."""
    if not stage.log.mounted:
        return "needs root"
    path = stage.log.dir / "ballast"
    left = dice.choice([0, 4096, 100_000])
    with open(path, "wb") as f:
        try:
            os.posix_fallocate(f.fileno(), 0, max(
                4096, stage.log.space() - left))
        except OSError:
            pass
    wait(dice, 0.2, 4)
    path.unlink()
    return "%d bytes left" % left


@fault("log", engines=SQLITE)
def no_rights(stage, dice):
    """The responder's user may not enter the directory for a while.  It may
    be started meanwhile."""
    if USER is None:
        return "needs root"
    again = dice.random() < 0.5
    stage.log.dir.chmod(0o700)
    try:
        if again:
            with stage.responder_lock:
                stage.stop_responder()
                stage.site.start_responder()
        wait(dice, 0, 4)
    finally:
        stage.log.dir.chmod(0o777)
    return "started meanwhile" if again else "while it runs"


@fault("process", weight=2)
def no_descriptors(stage, dice):
    """The responder, or the web server, can open none for a while."""
    if dice.random() < 0.5:
        with stage.responder_lock:
            lower(stage, dice, stage.responder_pids())
        return "responder"
    with stage.web_lock, stage.excuse("the web server has no descriptors"):
        server = stage.site.server.pid
        with open("/proc/%d/task/%d/children" % (server, server)) as f:
            lower(stage, dice, [server, *map(int, f.read().split())])
    return "web server"


def lower(stage, dice, pids):
    old = {}
    for pid in pids:
        try:
            n = len(os.listdir("/proc/%d/fd" % pid))
            old[pid] = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (
                n + dice.choice([0, 1, 3]), old[pid][1]))
        except (OSError, ValueError):
            pass
    wait(dice, 0.2, 4)
    for pid, limits in old.items():
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        except (OSError, ValueError):
            pass


# All inotify instances that a user may have.
HOARD = """
import ctypes, os, sys, time
libc = ctypes.CDLL(None)
while libc.inotify_init1(0) >= 0:
    pass
print("all taken", flush=True)
time.sleep(float(sys.argv[1]))
"""


@fault("process", engines=SQLITE)
def no_inotify(stage, dice):
    """The responder is started while none can be had."""
    if USER is None:
        return "would take them from other programs of this user"
    hoard = subprocess.Popen(
        [sys.executable, "-c", HOARD, "60"], user=USER, group=USER,
        extra_groups=[], stdout=subprocess.PIPE)
    try:
        hoard.stdout.readline()
        with stage.responder_lock:
            stage.stop_responder()
            stage.site.start_responder()
        wait(dice, 1, 5)
    finally:
        hoard.kill()
        hoard.wait()
        hoard.stdout.close()
