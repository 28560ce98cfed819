"""test_hardening.py - what the compiler and the linker put into both programs
for the day on which there is a bug in them."""

import re
import subprocess

from tap import each
from yard import ROOT

SHARED = ROOT / "build/largesse"
STATIC = ROOT / "build/static/largesse"
BOTH = {"shared": SHARED, "static": STATIC}


def readelf(*args):
    return subprocess.run(["readelf", "-W", *map(str, args)], check=True,
                          capture_output=True, text=True).stdout


@each("build", BOTH)
def test_hardening_of_the_file(build):
    """It is loaded anywhere, its tables are read-only before main, no page can
    be written and executed, and no other library can take the place of one."""
    said = readelf("-h", "-l", "-d", BOTH[build])
    assert re.search(r"Type:\s+DYN", said), said
    assert "GNU_RELRO" in said, said
    assert re.search(r"FLAGS.*BIND_NOW", said) or "Flags: NOW" in said, said
    assert "TEXTREL" not in said and "RPATH" not in said, said
    assert "RUNPATH" not in said, said
    stack = re.search(r"GNU_STACK\s+(?:\S+\s+){5}(\S+)", said)
    assert stack and "E" not in stack[1], said
    loads = re.findall(r"LOAD\s+(?:0x\S+\s+){5}(\S+(?: \S)?)\s+0x", said)
    assert loads and not [x for x in loads if "W" in x and "E" in x], loads
    if STATIC == BOTH[build]:
        assert "NEEDED" not in said and "INTERP" not in said, said


@each("build", {"shared": 0, "static": 0})
def test_hardening_of_the_code(build):
    """The stack is guarded, and the C library checks the sizes of buffers."""
    objects = ROOT / "build" / ("obj" if build == "shared" else "static/obj")
    files = [x for x in objects.glob("**/*.o") if "/tests/" not in str(x)]
    assert len(files) > 100, files
    said = readelf("-s", *files)
    assert "__stack_chk_fail" in said
    checked = set(re.findall(r"UND (__\w+_chk)\b", said))
    assert {"__snprintf_chk", "__memcpy_chk"} <= checked, checked
    if build == "shared":
        said = readelf("--dyn-syms", SHARED)
        assert "__stack_chk_fail" in said and "__snprintf_chk" in said


@each("build", BOTH)
def test_hardening_of_branches(build):
    """On amd64, each file of ours says that it can run with CET."""
    machine = readelf("-h", BOTH[build])
    if "X86-64" not in machine:
        return
    objects = ROOT / "build" / ("obj" if build == "shared" else "static/obj")
    for path in objects.glob("fcgi/**/*.o"):
        assert "IBT, SHSTK" in readelf("-n", path), path
