"""test_completion.py - what bash offers after `largesse` and Tab is what the
program says of itself.
"""

import re
import subprocess
import tempfile

from tap import each
from yard import LOAD as PROGRAM, ROOT

SCRIPT = ROOT / "deploy/completion/largesse"


def run(*words):
    return subprocess.run([PROGRAM, *words], check=True, text=True,
                          capture_output=True).stdout


def commands():
    return re.findall(r"^  ([a-z]+) ", run("--help"), re.M)


def offered(*words, cwd="/"):
    """What Tab shows after these words, of which the last is not finished."""
    done = subprocess.run(
        ["bash", "--norc", "-c", ". \"$0\"; COMP_WORDS=(\"$@\"); "
         "COMP_CWORD=$(($# - 1)); _largesse; "
         "printf '%s\\n' \"${COMPREPLY[@]}\"", SCRIPT, PROGRAM, *words],
        cwd=cwd, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout.split("\n")[:-1]


def log(folder, *topics):
    run("init", folder + "/events.db", "--quiet")
    for topic in topics:
        run("publish", folder + "/events.db", "--quiet", "--topic", topic, "x")


def test_completion_knows_the_commands_of_the_help():
    assert len(commands()) > 5
    assert offered("") == [*commands(), "--help", "--version"]
    assert offered("help", "") == offered("")
    assert offered("pub") == ["publish"]


def test_completion_knows_the_options_of_the_help():
    for command in commands():
        if command in ("help", "version"):      # which have none
            continue
        told = re.findall(r"^  (--\S+)", run(command, "--help"), re.M)
        assert offered(command, "--") == [*told, "--help"], command
        assert offered(command, "x", "y", "--") == [*told, "--help"], command
    assert offered("serve", "--key") == ["--key-file"]


@each("words", ["init ev", "serve --db ev", "serve --quiet --key-file ev",
                "fold ev", "copy redis://x ev", "doctor ev", "tail ev"])
def test_completion_offers_files(words):
    with tempfile.TemporaryDirectory() as folder:
        log(folder)
        assert "events.db" in offered(*words.split(), cwd=folder)


@each("words", ["tail events.db --topic n", "publish events.db --topic n",
                "tail --last 5 events.db --quiet --topic n",
                "serve --db events.db --public n",
                "serve --public x --db events.db --public n",
                "prune events.db --keep-rows 5 --topic n",
                "fold events.db n"])
def test_completion_offers_topics(words):
    with tempfile.TemporaryDirectory() as folder:
        log(folder, "news", "other", "news", "n of two words")
        assert offered(*words.split(), cwd=folder) == [
            r"n\ of\ two\ words", "news"]


def test_completion_does_not_run_what_a_topic_says():
    """Whoever may publish chooses the names of topics."""
    with tempfile.TemporaryDirectory() as folder:
        log(folder, "$(touch here)", "`touch here`")
        assert len(offered("fold", "events.db", "", cwd=folder)) == 2
        assert subprocess.check_output(["ls", folder], text=True).split()[
            0] == "events.db"


def test_completion_offers_nothing_where_it_knows_nothing():
    assert offered("serve", "--max-streams", "") == [""]
    assert offered("nothing", "--") == ["--help"]
