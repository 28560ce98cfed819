"""tap.py - run test functions, one line of TAP each.

A test is a function named test_*; @each runs it once for each value.  A
failure prints its traceback after its line, and the logs of the servers to
stderr.  Each test has LIMIT seconds; a test that hangs has failed.
"""

import concurrent.futures
import shutil
import signal
import subprocess
import sys
import time
import traceback

import yard

LIMIT = 300


def each(name, values):
    """Run the test once for each value, given to it as an argument."""
    def mark(test):
        test.cases = [dict(case, **{name: value})
                      for case in getattr(test, "cases", [{}])
                      for value in values]
        return test
    return mark


def told_to_stop(*_):
    sys.exit(1)     # by way of leftovers()


def hung(*_):
    raise TimeoutError("the test took longer than %d s" % LIMIT)


def leftovers():
    """The servers of a failed test: print their logs and end them."""
    for y in list(yard.open_yards):
        for name, text in y.logs():
            print("--- %s\n%s" % (name, text), file=sys.stderr)
        try:
            y.close()
        except Exception:
            traceback.print_exc()
        shutil.rmtree(y.dir, ignore_errors=True)


def one(test, case):
    """Why it failed, or None."""
    signal.alarm(LIMIT)
    try:
        test(**case)
        left = [y.dir for y in yard.open_yards]
        assert not left, "the test left its servers running"
        return None
    except Exception:
        signal.alarm(0)
        return traceback.format_exc()
    finally:
        signal.alarm(0)
        leftovers()


def main(modules, only=()):
    """Run what the modules define, in that order.  Returns the status."""
    signal.signal(signal.SIGALRM, hung)
    signal.signal(signal.SIGTERM, told_to_stop)
    n = failed = 0
    for module in modules:
        for name, test in list(vars(module).items()):
            if not name.startswith("test_") or (
                    only and not any(o in name for o in only)):
                continue
            for case in getattr(test, "cases", [{}]):
                n += 1
                title = " ".join([name[5:].replace("_", " "),
                                  *("[%s]" % v for v in case.values())])
                start = time.monotonic()
                print("# %s" % title, file=sys.stderr)
                why = one(test, case)
                failed += why is not None
                print("%s %d - %s" % ("not ok" if why else "ok", n, title))
                for line in (why or "").splitlines():
                    print("#   " + line)
                sys.stdout.flush()
                print("# %.1f s" % (time.monotonic() - start),
                      file=sys.stderr)
    print("1..%d" % n)
    return 1 if failed or n == 0 else 0


def in_lanes(commands, lanes=2):
    """Runs the commands, each of which prints TAP, so many at a time; prints
    one TAP of them all.  Most of a test is waiting.  Returns the status."""
    running = set()

    def lane(command):
        with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, errors="replace") as child:
            running.add(child)
            out, err = child.communicate()
            running.discard(child)
        return command, child.returncode, out, err

    def stop(*_):
        for child in list(running):
            child.terminate()
        sys.exit(1)

    signal.signal(signal.SIGTERM, stop)
    n = failed = 0
    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        for command, status, out, err in pool.map(lane, commands):
            bad = 0
            for line in out.splitlines():
                word, _, title = line.partition(" - ")
                if word.startswith(("ok ", "not ok ")):
                    n += 1
                    bad += word.startswith("not")
                    line = "%s %d - %s" % (word.rpartition(" ")[0], n, title)
                if not word.startswith("1.."):
                    print(line)
            if status and not bad:
                bad = 1
                n += 1
                print("not ok %d - %s ended with status %d" % (
                    n, command[-1], status))
            failed += bad
            sys.stdout.flush()
            sys.stderr.write(err)
    print("1..%d" % n)
    return 1 if failed or n == 0 else 0
