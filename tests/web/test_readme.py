"""test_readme.py - the tables of deploy/ name tests that exist, and have every
directive that has a test."""

import importlib
import pathlib
import re
import sys

from fronts import DEPLOY
from tap import each

HERE = pathlib.Path(__file__).resolve().parent
READMES = sorted(p.relative_to(DEPLOY).as_posix()
                 for p in DEPLOY.glob("**/*.md") if "demo" not in p.parts)


def titles():
    """The names of the tests of these suites, as tap.py prints them."""
    suites = [HERE, *(HERE.parent / name for name in
                      ("slow", "long", "frameworks"))]
    sys.path += [*map(str, suites), str(HERE.parent / "long/kit")]
    for path in [path for suite in suites for path in suite.glob("test_*.py")]:
        for name, test in vars(importlib.import_module(path.stem)).items():
            if name.startswith("test_"):
                for case in getattr(test, "cases", [{}]):
                    yield " ".join([name[5:].replace("_", " "),
                                    *("[%s]" % v for v in case.values())])


def said(name):
    return re.findall(r"`([^`]+)`", (DEPLOY / name).read_text())


def rows(name):
    """The last cells of the tables that have a column for tests."""
    about_tests = False
    for line in (DEPLOY / name).read_text().splitlines():
        cells = re.split(r"(?<!\\)\|", line.strip())[1:-1]
        if not cells:
            about_tests = False
        elif re.search("(in|by|^) ?test $", cells[-1]):
            about_tests = True
        elif about_tests and not cells[-1].startswith("---"):
            yield line, re.findall(r"`([^`]+)`", cells[-1])


def text_of(*patterns):
    return "\n".join(path.read_text() for pattern in patterns
                     for path in HERE.parent.glob(pattern))


def elsewhere():
    """Whether a test has this name in a suite that is not of Python, or
    there is such a file."""
    c, browser = text_of("talk/*/*.c", "unit/*/*.c"), text_of("browser/*.mjs")
    hosts = text_of("hosts/test_*.py")

    def is_there(name):
        if name.startswith("tests/"):
            return (HERE.parents[1] / name).exists()
        return ("\n%s(void" % name in c or
                '"%s' % re.sub("^example: [a-z]+: ", "", name) in browser or
                "\ndef test_%s(" % name.replace(" ", "_") in hosts)

    return is_there


@each("name", READMES)
def test_readme_names_tests_that_there_are(name):
    there, is_elsewhere = set(titles()), elsewhere()
    for line, tests in rows(name):
        assert tests, "no test: " + line
        wrong = {test for test in tests
                 if test not in there and not is_elsewhere(test)}
        assert not wrong, wrong
    looks = [word for word in said(name) if re.search(r"^\S+ .*\[.*\]$", word)
             and not word.startswith(("fastcgi", "http-request", "location",
                                      "RewriteRule"))]
    assert not set(looks) - there, set(looks) - there


def test_readmes_name_every_directive_that_has_a_test():
    named = {word for name in READMES for word in said(name)}
    with_test = {title for title in titles()
                 if re.match(r"(\S+( conf)?|htaccess) without \[", title)}
    assert len(with_test) > 100
    assert not with_test - named, with_test - named


COMMENT = re.compile(r"^\s*#|^\s*$")
FIRST = re.compile(r"^\s*([A-Za-z_.][\w.-]*)")


@each("folder", ["nginx", "lighttpd", "apache", "fcgiwrap", "haproxy"])
def test_readme_has_every_directive(folder):
    """Each line of configuration needs a row with its first word."""
    text = (DEPLOY / folder / "README.md").read_text()
    for path in (DEPLOY / folder).iterdir():
        if path.suffix not in (".conf", ".cfg"):
            continue
        for line in path.read_text().splitlines():
            if COMMENT.match(line):
                continue
            first = FIRST.match(line)
            if first and first[1] not in STRUCTURE:
                assert first[1] in text, "%s: %s" % (path.name, line)


# Words that only open a block, or that are explained as a group.
STRUCTURE = {
    "server", "events", "http", "include", "if", "set", "return", "location",
    "text", "image", "Include", "fastcgi_param", "defaults", "frontend",
    "backend", "bind", "default_backend", "Listen", "Directory", "server.bind",
    "server.port", "server.modules", "fastcgi.server", "setenv",
    "FilesMatch", "Location", "LocationMatch", "If", "var.CWD"}
