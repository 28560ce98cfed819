"""page.py - what is in a page: blocks of code, command lines, sections.

A page is Markdown, whose blocks of code are indented by a tab or four blanks
or stand between lines of ```, or a manual in mdoc, whose blocks are .Bd -literal
to .Ed and .Dl.
"""

import functools
import pathlib
import re
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANUAL = ("fcgi/largesse.1", "fcgi/largesse-events.5",
          "fcgi/largesse-deploy.7")


class Block(NamedTuple):
    page: str
    line: int       # where it begins, from 1
    text: str       # as a reader copies it, with a newline at its end
    heading: str = ""       # the line of Markdown that it stands under

    first = property(lambda self: self.text.partition("\n")[0])
    where = property(lambda self: "%s:%d: %s" % (
        self.page, self.line, self.first))


def plain(text):
    """Without the escapes of mdoc."""
    return text.replace("\\&", "").replace("\\e", "\\")


@functools.cache
def source(page):
    return (ROOT / page).read_text()


def of_manual(page):
    text, start = [], None
    for n, line in enumerate(source(page).splitlines(), 1):
        if line.startswith(".Bd -literal"):
            text, start = [], n + 1
        elif line == ".Ed":
            yield Block(page, start, plain("\n".join(text) + "\n"))
            start = None
        elif start:
            assert not line.startswith("."), "%s:%d: a macro" % (page, n)
            text.append(line)
        elif line.startswith(".Dl "):
            yield Block(page, n, plain(line[4:] + "\n"))


def of_markdown(page):
    text, start, fence, before, heading = [], None, False, "", ""
    for n, line in enumerate(source(page).splitlines() + [""], 1):
        if line.startswith("```"):
            if fence:
                yield Block(page, start, "\n".join(text) + "\n", heading)
            text, start, fence = [], None if fence else n + 1, not fence
        elif fence:
            text.append(line)
        elif re.match(r"\t| {4}", line) and (start or not before):
            start = start or n
            text.append(re.sub(r"^(\t| {4})", "", line))
        elif start and line == "":
            text.append("")     # another paragraph of the block, or its end
        elif start:
            yield Block(page, start, "\n".join(text).rstrip() + "\n", heading)
            text, start = [], None
        if not fence and not start and re.match("#+ ", line):
            heading = line
        before = line
    if start:
        yield Block(page, start, "\n".join(text).rstrip() + "\n", heading)


@functools.cache
def blocks(page):
    return list(of_markdown(page) if page.endswith(".md")
                else of_manual(page))


def sections(page):
    return re.findall(r"^\.S[hs] (.*)$", source(page), re.M)


def words_in_text(page):
    """The words between backticks of a page of Markdown, or the literal
    words of a manual, that stand in its text."""
    if not page.endswith(".md"):
        return [plain(w) for w in
                re.findall(r"^\.(?:Li|Ic|Ql) (.*?)(?: [.,;:])?$",
                           source(page), re.M)]
    return [" ".join(w.split()) for w in re.findall(r"`([^`]+)`", prose(page))]


def prose(page):
    """Markdown without its blocks of code."""
    text = re.sub(r"^```.*?^```", "", source(page), flags=re.M | re.S)
    return re.sub(r"^(\t| {4}).*", "", text, flags=re.M)


def anchors(page):
    """What a link may have behind its `#'."""
    return {re.sub(r"[^\w\- ]", "", h.replace("`", "").strip().lower()).replace(
        " ", "-") for h in re.findall(r"^#+ (.*)$", prose(page), re.M)}
