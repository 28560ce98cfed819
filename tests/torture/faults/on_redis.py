"""on_redis.py - what happens to Redis and to the way to it."""

import contextlib
import signal
import subprocess
import time

from faults.processes import wait
from faults.registry import fault
from resp import RedisError
from yard import end_process, until

REDIS = ("redis",)


@contextlib.contextmanager
def other_life(stage, parent=None, upto=0):
    """Inside, Redis loses the log, or the newest of it.  With parent, all
    rows up to upto stay."""
    log = stage.log
    with stage.gate(replaced=True), log.lock:
        start = time.monotonic()
        log.collect()
        log.begin_life(parent, upto)
        try:
            yield log
        finally:
            stage.note("touched", start, time.monotonic())


@fault("log", engines=REDIS, weight=3)
def kill_redis(stage, dice):
    """With AOF; what was acknowledged stays, for it was written before."""
    log = stage.log
    with log.lock:
        end_process(log.server, signal.SIGKILL)
        wait(dice, 0, 3)
        log.start()


@fault("log", engines=REDIS)
def kill_redis_without_aof(stage, dice):
    """Everything since the last snapshot is lost."""
    with stage.gate(), stage.log.lock:
        stage.log.collect()
        life, upto = stage.log.life, stage.log.upto
        with contextlib.suppress(RedisError):
            stage.log.ask("CONFIG", "SET", "appendonly", "no")
        stage.log.ask("SAVE")
    wait(dice, 0, 3)
    with other_life(stage, life, upto) as log:
        end_process(log.server, signal.SIGKILL)
        for path in log.dir.glob("appendonlydir/*"):
            path.unlink()
        wait(dice, 0, 2)
        start_without_aof(log)
        begin_aof(log)


def start_without_aof(log):
    """It begins with the snapshot that is there."""
    log.aof = False
    log.start()


def begin_aof(log):
    """A Redis that is killed before the file is whole has nothing at all."""
    log.ask("CONFIG", "SET", "appendonly", "yes")
    log.aof = True
    until("it is rewritten", lambda: all(
        "aof_rewrite_%s:0" % word in log.ask("INFO", "persistence")
        for word in ("scheduled", "in_progress")))


@fault("log", engines=REDIS)
def flush_and_init(stage, dice):
    with other_life(stage) as log:
        log.ask("FLUSHALL")
        wait(dice, 0, dice.choice([0, 2]))
        stage.largesse("init", log.name, "--quiet")
        return grow(stage, dice)


def grow(stage, dice):
    n = dice.choice([0, 1, 100])
    stage.counts["grown"] = stage.counts.get("grown", 0) + 1
    stage.log.publish([("main", "grown-%d.%d" % (stage.counts["grown"], i))
                       for i in range(n)])
    return "%d rows" % n


@fault("log", engines=REDIS)
def evict(stage, dice):
    """The stream's key is gone; what largesse noted beside it stays."""
    with other_life(stage) as log:
        log.ask("DEL", "events")
        wait(dice, 0, 1)
        return grow(stage, dice)


@fault("log", engines=REDIS, weight=2)
def xtrim(stage, dice):
    with stage.log.lock, stage.pruning():
        stage.log.collect()
        keep = dice.choice([0, 10, 500])
        stage.log.ask("XTRIM", "events", "MAXLEN", keep)
    return "%d stay" % keep


@fault("log", engines=REDIS)
def prune_redis(stage, dice):
    with stage.log.lock, stage.pruning():
        stage.log.collect()
        return stage.largesse("prune", stage.log.name, "--keep-rows",
                              dice.choice([1, 100]), check=False)


@fault("log", engines=REDIS)
def lagging_replica(stage, dice):
    """A replica that lacks the newest takes the master's place."""
    log = stage.log
    with stage.gate(), log.lock:
        log.collect()
        life, upto = log.life, log.upto
        copy = log.dir / "dump.rdb"
        log.ask("SAVE")
        kept = copy.read_bytes()
    wait(dice, 0, 2)
    with other_life(stage, life, upto):
        end_process(log.server, signal.SIGKILL)
        for path in log.dir.glob("appendonlydir/*"):
            path.unlink()
        copy.write_bytes(kept)
        start_without_aof(log)
        grow(stage, dice)
        begin_aof(log)


@fault("log", engines=REDIS, weight=2)
def slow_redis(stage, dice):
    """It answers nobody: DEBUG SLEEP, or a script that takes long."""
    seconds = dice.uniform(0.1, 3)
    try:
        if dice.random() < 0.5:
            stage.log.ask("DEBUG", "SLEEP", seconds)
            return "DEBUG SLEEP %.1f" % seconds
        stage.log.ask("EVAL", "local n = 0 while n < %d do n = n + 1 end" %
                      int(seconds * 3e7), 0)
        return "EVAL"
    except (OSError, RedisError) as e:
        return repr(e)


@fault("log", engines=REDIS)
def freeze_redis(stage, dice):
    stage.log.server.send_signal(signal.SIGSTOP)
    wait(dice, 0, 6)
    stage.log.server.send_signal(signal.SIGCONT)


@fault("log", engines=REDIS, weight=3)
def stalled_link(stage, dice):
    """Packets to Redis, from it, or both ways are dropped for a while."""
    ways = dice.choice([{"to"}, {"from"}, {"to", "from"}])
    stage.log.wire.stalls |= ways
    wait(dice, 0, dice.choice([0.3, 3, 10]))
    stage.log.wire.stalls -= ways
    return "%s" % sorted(ways)


@fault("log", engines=REDIS, weight=2)
def cut_link(stage, dice):
    for _ in range(dice.randint(1, 5)):
        stage.log.wire.cut()
        wait(dice, 0, 0.3)


@fault("log", engines=REDIS)
def wrong_password(stage, dice):
    """It is changed for a while; connections that are open stay."""
    stage.log.ask("CONFIG", "SET", "requirepass", "another")
    try:
        stage.log.wire.cut()
        wait(dice, 0, 3)
    finally:
        subprocess.run(["redis-cli", "-p", str(stage.log.port), "-a",
                        "another", "--no-auth-warning", "CONFIG", "SET",
                        "requirepass", "torture"], capture_output=True,
                       timeout=30)


@fault("log", engines=REDIS)
def no_memory(stage, dice):
    stage.log.ask("CONFIG", "SET", "maxmemory", 1)
    wait(dice, 0, 3)
    stage.log.ask("CONFIG", "SET", "maxmemory", 0)
