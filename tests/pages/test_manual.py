"""test_manual.py - the manual says what the program says of itself.

--help prints the table of the options, the completion for bash reads --help
(tests/web/test_completion.py), and the manual is compared with it here.
"""

import functools
import re
import shlex
import subprocess

from page import (MANUAL, ROOT, anchors, blocks, prose, sections, source,
                  words_in_text)
from tap import each
from yard import LARGESSE

ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
COMMANDS = ["init", "serve", "publish", "tail", "watch", "prune", "fold",
            "copy", "doctor", "token"]
PAGES = [*MANUAL, "README.md", *sorted(
    p.relative_to(ROOT).as_posix() for p in ROOT.glob("deploy/**/*.md"))]


@functools.cache
def said(*words):
    done = subprocess.run([LARGESSE, *words], capture_output=True, text=True,
                          env=ENV, timeout=60)
    assert done.returncode == 0, done
    return done.stdout


def of_help(command):
    """Options of --help: name, then what its value is called, and default."""
    found = re.findall(r"^  --(\S+) ?(\S*)\s.*?(?: \(([^()]*)\))?$",
                       said(command, "--help"), re.M)
    assert found or command in ("help", "version")
    return {name: (arg.strip("[]").lower(), default)
            for name, arg, default in found}


def part(command):
    """The text of the manual about a command, from its .It or .Sh on."""
    text = source(MANUAL[0])
    if command == "serve":
        return re.search(r"^\.Sh SERVING\n(.*?)^\.Sh ", text,
                         re.M | re.S)[1]
    text = text.partition("\nThe commands are as follows:\n")[2]
    text = text.partition("\n.Sh ")[0]
    return re.search(r"^\.It Cm %s\n(.*?)(?=^\.It Cm |\Z)" % command, text,
                     re.M | re.S)[1]


def of_manual(command):
    """The same, of the manual.  An item may have two options."""
    text = part(command)
    options = {}
    for item, body in re.findall(r"^\.It (Fl -.*)\n((?:(?!\.It ).*\n)*)", text,
                                 re.M):
        default = re.search(r"\bdefault is (?:\.Li )?(\S+?)[.,;:]?(?=\s)",
                            body.replace("default is\n", "default is "))
        for one in item.split(" , "):
            name, _, arg = one.removeprefix("Fl -").partition(" ")
            arg = re.sub(r"^(Op )?Ar ", "", arg).split(" ")[0]
            assert name not in options, "twice: --" + name
            options[name] = arg, default[1] if default else ""
    return options


def test_help_names_all_commands():
    listed = re.findall(r"^  (\w+) +\S", said("help"), re.M)
    assert listed == [*COMMANDS, "help", "version"]
    for name in listed:
        assert re.search(r"^\.It Cm %s$" % name, source(MANUAL[0]), re.M), name


@each("command", ["", *COMMANDS])
def test_help_fits_a_terminal(command):
    for line in said(*[command][:command != ""], "--help").splitlines():
        assert len(line) <= 80, line


@each("command", COMMANDS)
def test_help_and_manual_have_the_same_options(command):
    ours, theirs = of_help(command), of_manual(command)
    assert set(ours) - set(theirs) == set(), "not in the manual"
    assert set(theirs) - set(ours) == set(), "not in --help"
    for name, (arg, default) in ours.items():
        there, its_default = theirs[name]
        assert arg == there, "--%s takes %s, the manual says %s" % (
            name, arg, there)
        assert default in ("", "0") or default == its_default, \
            "--%s is %s, the manual says %s" % (name, default, its_default)


@each("command", [c for c in COMMANDS if c != "serve"])
def test_synopsis_has_the_same_options(command):
    lines = re.search(r"^\.Sh SYNOPSIS\n(.*?)^\.Sh ", source(MANUAL[0]),
                      re.M | re.S)[1]
    found = {name for form in lines.split(".Nm\n")
             if form.startswith(".Cm %s\n" % command)
             for name in re.findall(r"\bFl -(\S+)", form)}
    assert found == set(of_help(command)), found ^ set(of_help(command))


@each("page", PAGES)
def test_page_names_options_that_there_are(page):
    """In command lines of the text and of the blocks."""
    lines = [*words_in_text(page), *(
        re.sub(r"\\\n\s*", "", b.text) for b in blocks(page))]
    seen = [found for text in lines for found in re.findall(
        r"(^\s*|[\s/({|])largesse (?=([a-z]+))(.*?)(?=$|[|;&#)`]|>\S)", text,
        re.M)]
    for before, command, words in seen:
        if command not in COMMANDS:
            assert before == " " or command in ("help", "version"), \
                "no such command: largesse " + words
            continue
        words = re.sub(r"'[^']*'|\"[^\"]*\"", "X", words)
        for name in re.findall(r"(?<=\s)--([\w-]+)", words):
            assert name in ("help", *of_help(command)), "largesse " + words


@each("page", [*PAGES, "tests/README.md"])
def test_page_names_targets_that_there_are(page):
    """`make TARGET NAME=VALUE`: the Makefile has the target, and it or what it
    starts knows the name."""
    make = source("Makefile")
    targets = set(" ".join(re.findall(r"^([\w./ -]+):(?!=)", make, re.M)).split())
    names = make + "".join(p.read_text() for p in ROOT.glob("deploy/*/demo.sh"))
    for text in [*words_in_text(page), *(b.text for b in blocks(page))]:
        for line in re.findall(r"^make( .*)?$", text, re.M):
            for word in shlex.split(line, comments=True):
                name, value, _ = word.partition("=")
                if re.match(r"[|;&>]|\d>", word):
                    break
                if value:
                    assert re.search(r"\b%s\b" % name, names), line
                elif not word.startswith(("-", "build/")):
                    assert word in targets, "no target: make" + line


@each("page", MANUAL)
def test_manual_names_options_that_there_are(page):
    """Anywhere in the text: .Fl -NAME."""
    there = {name for c in COMMANDS for name in of_help(c)} | {
        "version", "help", "name"}     # --name value, for any of them
    found = set(re.findall(r"\bFl -([a-z-]+)", source(page)))
    assert found - there == set(), found - there


@each("page", MANUAL)
def test_manual_refers_to_sections_that_there_are(page):
    """.Sx NAME is of this page; .Xr PAGE ,  .Sy NAME of that one."""
    text = source(page)
    for name in re.findall(r"^\.(?:Pq )?Sx (.*?)(?: [.,;:])?$", text, re.M):
        assert name in sections(page), "no section " + name
    files = {p.rpartition("/")[2].replace(".", " "): p for p in MANUAL}
    for other, name in re.findall(
            r"^\.Xr (largesse\S* \d) ,\n\.Sy (.*?)(?: [.,;:])?$", text, re.M):
        assert name in sections(files[other]), "no section %s in %s" % (
            name, other)
    for other in re.findall(r"^\.Xr (largesse\S* \d)\b", text, re.M):
        assert other in files, other


@each("page", PAGES + ["tests/README.md"])
def test_page_refers_to_sections_of_the_manual_that_there_are(page):
    """`man PAGE`, *NAME*; or PAGE(N), NAME."""
    files = {p.rpartition("/")[2].partition(".")[0]: p for p in MANUAL}
    text = " ".join(source(page).split())
    for other, name, capitals in re.findall(
            r"\b(largesse[a-z-]*)(?:\(\d\))?`?, "
            r"(?:\*([A-Z][^*]+)\*|([A-Z][A-Z ]+[A-Z])\b)", text):
        assert (name or capitals) in sections(files[other]), name or capitals
    for other, number in re.findall(r"\b(largesse[a-z-]*)\((\d)\)", text):
        assert files[other].endswith("." + number), other


# The README of the tarball, whose links are for the folders there.
ELSEWHERE = "deploy/release/tarball.md"


@each("page", [*(p for p in PAGES if p.endswith(".md") and p != ELSEWHERE),
               "tests/README.md"])
def test_links_of_a_page_lead_somewhere(page):
    """Links inside of the clone: the file is there, and the heading in it."""
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"\w+:", link):
            continue
        file, _, anchor = link.partition("#")
        path = (ROOT / page).parent / file if file else ROOT / page
        assert path.exists(), link
        if anchor:
            name = path.resolve().relative_to(ROOT).as_posix()
            assert anchor in anchors(name), link


def test_manual_has_each_reason_for_which_a_stream_ends():
    words = re.findall(r'\[END_\w+\] = "([^"]+)"',
                       source("fcgi/base/tally.c"))
    listed = re.search(r"^\.\\\" REASONS:.*?\n(.*?)^\.El", source(MANUAL[1]),
                       re.M | re.S)[1]
    assert len(words) > 10
    assert re.findall(r"^\.It Li (\S+)", listed, re.M) == words


DEFINED = {
    "log": r"called the log\b|\bThe log is\b|\*\*The log\*\* is\b",
    "responder": r"is the responder\b|\bThe responder is\b|"
                 r"the responder, which is\b|\*\*The responder\*\* is\b"}


@each("word", DEFINED)
@each("page", [*MANUAL, "README.md"])
def test_page_says_what_a_word_means(page, word):
    """Where it first stands, and in the first section."""
    text = source(page).partition("\n.Sh DESCRIPTION\n")[2] or prose(page)
    text = " ".join(re.split(r"^(?:\.Sh|##) ", text, 1, re.M)[0].split())
    first = re.search(r"\b%ss?\b" % word, text, re.I)
    means = re.search(DEFINED[word], text)
    assert means and means.start() <= first.start() <= means.end(), \
        text[first.start() - 80:first.end()]


def test_manual_upgrades_as_deploy_does():
    """The lines of UPGRADING are those of a page, which a test pastes."""
    part = source(MANUAL[2]).partition("\n.Sh UPGRADING\n")[2]
    lines = re.findall(r"^\.Li ((?:systemctl|pkill) .*)$",
                       part.partition("\n.Sh ")[0], re.M)
    assert len(lines) == 2
    pages = "".join(source(p) for p in PAGES if p.endswith(".md"))
    for line in lines:
        assert line in pages, line


@each("page", MANUAL)
def test_manual_is_without_a_warning(page):
    done = subprocess.run(["mandoc", "-Tlint", "-W", "warning", ROOT / page],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
