"""rows.py - the rows of a test side by side: each in a process and a network
namespace of its own, so that they share neither ports nor multicast groups. Most
of a row is waiting for timers of other programs, and these pass at the same time.

Where no namespace can be made they run one after the other.
"""

import collections
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "scripts"), HERE]
import nets  # noqa: E402
import stage  # noqa: E402
from stage import Failed  # noqa: E402

AT_ONCE = 20
LOG_LINES, LOGS = 15, 4  # of a row that failed

# play(st, directory): st is its stage; what it returns is printed
Row = collections.namedtuple("Row", "name play")


def run_parts(parts, world, directory, addresses, own_network, only=None,
              keep=False):
    """The same of functions: each has a world(stage, directory) of its own, which
    close() ends."""
    def row(part):
        def play(st, own):
            os.makedirs(own, exist_ok=True)
            w = world(st, own)
            try:
                return part(w)
            finally:
                w.close()
        return Row(part.__name__.replace("_", " "), play)

    return run_all([row(p) for p in parts if only in (None, p.__name__)],
                   directory, addresses, own_network, keep)


def run_all(rows, directory, addresses, own_network, keep=False):
    """Exit status: 0, or 1 where one failed. The rows that take longest are best
    put first."""
    sys.stdout.flush()
    waiting, running, failed = list(enumerate(rows)), {}, []
    most = AT_ONCE if own_network else 1
    try:
        while waiting or running:
            while waiting and len(running) < most:
                n, row = waiting.pop(0)
                running[_start(row, os.path.join(directory, "%d" % n),
                               addresses, own_network, keep)] = row
            pid, status = os.wait()
            row = running.pop(pid)
            if status:
                failed.append(row.name)
    except BaseException:  # an interrupt, too: each ends what it has started
        for pid in running:
            os.kill(pid, signal.SIGTERM)
        for pid in running:
            os.waitpid(pid, 0)
        raise
    if failed:
        print("%d of %d failed: %s" % (len(failed), len(rows),
                                       "; ".join(failed)), file=sys.stderr)
    return 1 if failed else 0


def _start(row, *arguments):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        stage._die_with_parent()
        status = _play(row, *arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def _play(row, directory, addresses, own_network, keep):
    began = time.monotonic()
    log = os.path.join(directory, "log")
    try:
        if own_network:
            nets.leave()
            stage.furnish(addresses)
        with stage.Stage(log) as st:
            said = row.play(st, directory)
    except (Failed, KeyError, OSError, subprocess.CalledProcessError) as e:
        print("%s%s: FAILED: %s" % (ends_of_logs(log), row.name, e),
              file=sys.stderr, flush=True)
        return 1
    print("%-48s ok: %s in %.1f s" % (
        row.name, said or "as it should", time.monotonic() - began),
        flush=True)
    if not keep:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


def ends_of_logs(directory):
    """The end of each log, newest last; without --keep they are gone after."""
    if not os.path.isdir(directory):
        return ""
    logs = [os.path.join(directory, name) for name in os.listdir(directory)]
    out = ""
    for log in sorted(logs, key=os.path.getmtime)[-LOGS:]:
        with open(log, errors="replace") as f:
            lines = f.read().splitlines()[-LOG_LINES:]
        out += "--- %s\n%s\n" % (os.path.basename(log), "\n".join(lines))
    return out
