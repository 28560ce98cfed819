"""test_torture.py - short runs with seeds that stay the same.

A run that finds something leaves its records in build/torture/, and its last
lines say how to repeat it.
"""

import os
import pathlib
import re
import subprocess
import sys

from faults.registry import FAULTS
from faults.short import SHORT
from tap import each

RUN = pathlib.Path(__file__).resolve().parent / "run"
ROOT = RUN.parents[2]
SECONDS = os.environ.get("TORTURE_SECONDS", "25")


def run(*words):
    with subprocess.Popen([str(RUN), "--seconds", SECONDS, *map(str, words)],
                          stdout=subprocess.PIPE, text=True) as proc:
        try:
            said, _ = proc.communicate()
        finally:
            proc.terminate()    # it stops what it has started
    print(said, file=sys.stderr)
    assert proc.returncode == 0, said[-300:]


# Processes die, stand still and are replaced.
PROCESSES = (
    "kill_responder", "term_responder", "freeze_responder",
    "freeze_responder_often", "kill_worker", "kill_writer", "kill_publishers",
    "many_restarts", "kill_web", "term_web", "kill_web_worker", "reload_web",
    "upgrade")
UPKEEP = (
    "lock_writers", "checkpoint", "vacuum", "prune", "retention",
    "delete_from_the_middle", "wrong_clock", "take_copy")
# Another log, or another copy of the same, takes the log's name.
REPLACED = ("replace_by_older", "replace_by_other", "vacuum_into_and_back")
# Topics that have ended.
ENDED = ("fold_runs", "prune_runs", "delete_runs")
REDIS = (
    "kill_redis", "xtrim", "prune_redis", "slow_redis", "stalled_link",
    "cut_link", "no_memory", "wrong_clock")


def test_each_fault_has_a_short_form():
    assert set(SHORT) == set(FAULTS), set(SHORT) ^ set(FAULTS)
    for name, (file, test) in SHORT.items():
        assert re.search(r"\b%s\b" % test, (ROOT / file).read_text()), name


@each("seed", [21])
def test_everything_dies_while_the_log_is_kept_small_and_replaced(seed):
    run("--seed", seed, "--web", "nginx", "--faults",
        ",".join(PROCESSES + UPKEEP + REPLACED))


@each("seed", [23])
def test_runs_end_and_are_folded_and_removed_while_everything_dies(seed):
    run("--seed", seed, "--web", "nginx", "--faults",
        ",".join(PROCESSES + UPKEEP + ENDED))


@each("seed", [22])
def test_the_same_on_redis_behind_lighttpd(seed):
    run("--seed", seed, "--web", "lighttpd", "--engine", "redis", "--faults",
        ",".join(PROCESSES + REDIS))
