"""checks.py - what the program tests say of each thing that they looked at."""

import time

failed = 0
began = time.monotonic()


def check(name, good, detail=""):
    global failed
    failed += not good
    print("%s [%5.1f] %s%s" % ("ok    " if good else "FAILED",
                               time.monotonic() - began, name,
                               "" if good else ": %s" % (detail,)), flush=True)


def result():
    """What main() returns."""
    return 1 if failed else 0
