"""claims.py - who runs which block.

    @runs("deploy/runs.md", "largesse fold events.db run/7")
    def test_fold(block):
        ...

finds the block by its page and first line, and test_all.py finds a block that
no test has claimed so.
"""

import functools

from page import blocks

claimed = set()


def find(page, first):
    """The block of the page that begins with this line."""
    found = [b for b in blocks(page) if b.first == first]
    assert len(found) == 1, "%s has %d blocks that begin with: %s" % (
        page, len(found), first)
    return found[0]


def runs(page, first):
    """A test that is given this block; more than one for the same test."""
    def mark(test):
        if not hasattr(test, "blocks"):
            inner = test

            @functools.wraps(inner)
            def test(block):
                inner(find(*test.blocks[block]))
            test.blocks, test.cases = {}, []
        claimed.add((page, first))
        name = page.rpartition("/")[2]
        test.blocks[name] = page, first
        test.cases.append({"block": name})
        return test
    return mark
