"""tests.py - all tests of this folder, for `run`, which installs first."""

import importlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "web/kit")]

import tap  # noqa: E402  (the path comes first)

names = sorted(p.stem for p in HERE.glob("test_*.py"))
sys.exit(tap.main(map(importlib.import_module, names), sys.argv[1:]))
