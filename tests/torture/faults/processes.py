"""processes.py - signals for the responder, its workers and writers, and the
publishers; another program in place of the responder's."""

import contextlib
import os
import shutil
import signal
import time

from faults.registry import fault
from yard import state, until


def wait(dice, least, most):
    time.sleep(dice.uniform(least, most))


@fault("process", weight=4)
def kill_responder(stage, dice):
    with stage.responder_lock:
        stage.stop_responder(signal.SIGKILL)
        wait(dice, 0, dice.choice([0, 0.1, 2]))
        stage.site.start_responder()
    return "kill -9"


@fault("process", weight=3)
def term_responder(stage, dice):
    with stage.responder_lock:
        stage.stop_responder()
        wait(dice, 0, dice.choice([0, 0.1, 2]))
        stage.site.start_responder()
    return "SIGTERM"


@fault("process", weight=3)
def freeze_responder(stage, dice):
    """All of its processes stand still, and go on."""
    with stage.responder_lock:
        pids = [stage.site.responder.pid, *stage.responder_pids()]
        freeze(stage, set(pids), dice, 8)
    return "SIGSTOP"


@fault("process", weight=2)
def freeze_responder_often(stage, dice):
    """It is stopped in the middle of whatever it does."""
    with stage.responder_lock:
        for _ in range(dice.randint(5, 40)):
            freeze(stage, stage.responder_pids(), dice, 0.1)
            wait(dice, 0, 0.05)


def freeze(stage, pids, dice, most):
    """A process that stands still is mute; another of its kind may answer
    for its health meanwhile."""
    with stage.excuse("a process stood still"):
        send_all(pids, signal.SIGSTOP)
        wait(dice, 0, most)
        send_all(pids, signal.SIGCONT)


def send_all(pids, sig):
    """One may end meanwhile; if by a signal, the responder's log says so."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)


@fault("process")
def kill_worker(stage, dice):
    """One of --workers; its parent starts another."""
    with stage.responder_lock:
        if stage.workers > 1 and stage.responder_pids():
            sig = dice.choice([signal.SIGKILL, signal.SIGTERM])
            stage.kill(dice.choice(stage.responder_pids()), sig)
            return sig.name
    return "there is one process only"


@fault("process")
def kill_writer(stage, dice):
    with stage.responder_lock:
        pids = stage.writer_pids()
        if pids:
            sig = dice.choice([signal.SIGKILL, signal.SIGTERM])
            stage.kill(dice.choice(pids), sig)
            return sig.name


@fault("process")
def freeze_writer(stage, dice):
    """It may hold the log's write lock."""
    with stage.responder_lock:
        for pid in stage.writer_pids()[:1]:
            os.kill(pid, signal.SIGSTOP)
            wait(dice, 0, 5)
            # the responder may have ended it, for it was silent too long
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@fault("process", weight=3)
def kill_publishers(stage, dice):
    """In the middle of their transactions; they are started again."""
    for _ in range(dice.randint(1, 4)):
        proc = dice.choice(list(stage.publishers.values()))
        proc.send_signal(signal.SIGKILL)
        wait(dice, 0, 0.2)


@fault("process")
def freeze_publisher(stage, dice):
    """It may hold the write lock, and the gate."""
    proc = dice.choice(list(stage.publishers.values()))
    proc.send_signal(signal.SIGSTOP)
    wait(dice, 0, 4)
    proc.send_signal(signal.SIGCONT)


@fault("process")
def upgrade(stage, dice):
    """Another file takes the program's name while it serves; then it is
    started again."""
    path = stage.site.program
    shutil.copy(stage.source, path + ".new")
    os.rename(path + ".new", path)
    wait(dice, 0, 1)
    with stage.responder_lock:
        stage.stop_responder()
        stage.site.start_responder()


@fault("process")
def many_restarts(stage, dice):
    """Killed again while it is still starting."""
    for _ in range(dice.randint(3, 8)):
        with stage.responder_lock:
            stage.stop_responder(signal.SIGKILL)
            stage.site.start_responder()
        wait(dice, 0, 0.3)
    until("the responder lives", lambda: state(stage.site.responder.pid))
