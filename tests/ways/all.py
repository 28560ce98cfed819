#!/usr/bin/python3
"""all.py - the tests of the proxy, and beside them those with browsers.

usage: all.py [WORD...]		as of run; without a word both
       all.py --proxy [WORD...]	the tests of the proxy alone
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "web/kit")]

import tap  # noqa: E402  (the path comes first)

words = sys.argv[1:]
if words[:1] == ["--proxy"]:
    import test_proxy
    sys.exit(tap.main([test_proxy], words[1:]))
both = [["node", str(HERE / "test.mjs"), *words]]
if all(word.startswith("--") for word in words):
    both.append([sys.executable, __file__, "--proxy"])
sys.exit(tap.in_lanes(both))
