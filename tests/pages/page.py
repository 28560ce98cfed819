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
    text, start, fence, before = [], None, False, ""
    for n, line in enumerate(source(page).splitlines() + [""], 1):
        if line.startswith("```"):
            if fence:
                yield Block(page, start, "\n".join(text) + "\n")
            text, start, fence = [], None if fence else n + 1, not fence
        elif fence:
            text.append(line)
        elif re.match(r"\t| {4}", line) and (start or not before):
            start = start or n
            text.append(re.sub(r"^(\t| {4})", "", line))
        elif start and line == "":
            text.append("")     # another paragraph of the block, or its end
        elif start:
            yield Block(page, start, "\n".join(text).rstrip() + "\n")
            text, start = [], None
        before = line
    if start:
        yield Block(page, start, "\n".join(text).rstrip() + "\n")


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
    text = re.sub(r"^```.*?^```", "", source(page), flags=re.M | re.S)
    text = re.sub(r"^(\t| {4}).*", "", text, flags=re.M)
    return [" ".join(w.split()) for w in re.findall(r"`([^`]+)`", text)]
