"""webserver.py - signals for the web server and its workers, and reloads."""

import os
import signal
import time

from faults.processes import wait
from faults.registry import fault
from hosts import catches
from yard import children, end_process, until


@fault("process", weight=2)
def kill_web(stage, dice):
    """Master and workers."""
    with stage.web_lock:
        stage.meant.add(stage.site.server.pid)
        everyone(stage, signal.SIGKILL)
        wait(dice, 0, 1)
        stage.site.start_web()


def everyone(stage, sig):
    """The master stands still first, so that it starts no new workers."""
    server = stage.site.server
    server.send_signal(signal.SIGSTOP)
    pids = web_workers(stage)
    end_process(server, sig)
    for pid in pids:
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass
        until("a worker is gone", lambda: not os.path.exists(
            "/proc/%d" % pid) or zombie(pid), 20)


def told_to_end(server):
    """lighttpd 1.4.69 forgets a SIGTERM that comes while it restarts."""
    server.send_signal(signal.SIGTERM)
    return server.poll() is not None


def zombie(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def web_workers(stage):
    if stage.web == "lighttpd":
        return []
    return children(stage.site.server.pid)


@fault("process", weight=2)
def term_web(stage, dice):
    with stage.web_lock:
        stage.meant.add(stage.site.server.pid)
        if stage.web == "lighttpd":
            until("lighttpd ends", lambda: told_to_end(stage.site.server))
        stage.site.stop_web()
        wait(dice, 0, 1)
        stage.site.start_web()


@fault("process", weight=2, webs=("nginx", "apache"))
def kill_web_worker(stage, dice):
    with stage.web_lock:
        pids = web_workers(stage)
        if pids:
            os.kill(dice.choice(pids), signal.SIGKILL)


@fault("process", weight=2)
def freeze_web_worker(stage, dice):
    """Its streams are mute meanwhile, through no fault of the responder."""
    with stage.web_lock, stage.excuse("a web worker stood still"):
        pids = web_workers(stage) or [stage.site.server.pid]
        pid = dice.choice(pids)
        try:
            os.kill(pid, signal.SIGSTOP)
            wait(dice, 0, 6)
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


@fault("process", weight=3)
def reload_web(stage, dice):
    sig = signal.SIGHUP if stage.web == "nginx" else signal.SIGUSR1
    n = dice.choice([1, 1, 3])
    for _ in range(n):
        with stage.web_lock:
            pid = stage.site.server.pid
            until("it can be told", lambda: catches(pid, sig), 20)
            os.kill(pid, sig)
            time.sleep(0.2)
    return "%d times" % n
