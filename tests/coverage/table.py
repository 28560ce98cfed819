"""table.py - what gcovr has counted, by folder, and the lines that did not run.

usage: table.py JSON MISSED	JSON is gcovr's; MISSED is written
"""

import collections
import json
import pathlib
import sys


def main(counted, missed):
    lines = collections.defaultdict(lambda: [0, 0])
    branches = collections.defaultdict(lambda: [0, 0])
    out = []
    for file in sorted(json.loads(pathlib.Path(counted).read_text())["files"],
                       key=lambda f: f["file"]):
        text = pathlib.Path(file["file"]).read_text().split("\n")
        folder = file["file"].rsplit("/", 1)[0]
        for line in file["lines"]:
            if line.get("gcovr/noncode"):
                continue
            for name in (folder, "all"):
                lines[name][0] += line["count"] > 0
                lines[name][1] += 1
                for branch in line["branches"]:
                    branches[name][0] += branch["count"] > 0
                    branches[name][1] += 1
            if line["count"] == 0:
                n = line["line_number"]
                out.append(f"{file['file']}:{n}: {text[n - 1].strip()}\n")
    pathlib.Path(missed).write_text("".join(out))
    print(f"{'':24}{'lines':>16}{'branches':>22}")
    for name, (ran, all_) in sorted(lines.items(),
                                    key=lambda x: (x[0] == "all", x[0])):
        taken, ways = branches[name]
        print(f"{name:24}{ran:7} {all_:7} {100 * ran / all_:5.1f} %"
              f"{taken:7} {ways:7} {100 * taken / max(ways, 1):5.1f} %")


main(*sys.argv[1:])
