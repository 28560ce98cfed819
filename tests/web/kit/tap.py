"""tap.py - run test functions, one line of TAP each.

A test is a function named test_*; @each runs it once for each value.  A
failure prints its traceback and the logs of the servers to stderr.  Each test
has LIMIT seconds; a test that hangs has failed.
"""

import shutil
import signal
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
    signal.alarm(LIMIT)
    try:
        test(**case)
        left = [y.dir for y in yard.open_yards]
        assert not left, "the test left its servers running"
        return True
    except Exception:
        signal.alarm(0)
        traceback.print_exc()
        return False
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
                good = one(test, case)
                failed += not good
                print("%s %d - %s" % ("ok" if good else "not ok", n, title),
                      flush=True)
                print("# %.1f s" % (time.monotonic() - start),
                      file=sys.stderr)
    print("1..%d" % n)
    return 1 if failed or n == 0 else 0
