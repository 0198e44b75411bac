#!/usr/bin/env python3
"""idle.py - memory of a daemon that has nothing to do, beside transmission's.

Each runs alone in a network namespace with an empty home, and is read after
some seconds: RssAnon is what the daemon itself takes, RSS includes the pages of
libraries that other programs share.

usage: idle.py [--seconds N] [--json]
"""

import argparse
import json
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "scripts"))
import stage  # noqa: E402

WORK = os.path.join(stage.TOP, "build", "bench")


def daemons(directory):
    return {
        "seedbankd": [
            os.path.join(stage.TOP, "build", "release", "seedbankd"),
            "--home", os.path.join(directory, "seedbank"),
            "--listen", "10.77.0.1:6881"],
        "transmission": [
            "transmission-daemon", "-f", "-g",
            os.path.join(directory, "transmission"), "--no-dht", "--no-lpd",
            "--no-utp", "--no-portmap", "-P", "6882", "-p", "6883"],
    }


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    stage.enter_namespace(["10.77.0.1"])
    directory = os.path.join(WORK, "idle")
    shutil.rmtree(directory, ignore_errors=True)
    rows = {}
    with stage.Stage(os.path.join(WORK, "log")) as st:
        for name, argv in daemons(directory).items():
            if not shutil.which(argv[0]):
                print("without %s: not there" % name, file=sys.stderr)
                continue
            d = st.spawn(name, argv)
            time.sleep(args.seconds)
            if d.poll() is not None:
                raise stage.Failed("%s ended (%s)" % (name, d.log))
            rows[name] = {f: d.memory_kib(f) for f in ("RssAnon", "VmRSS")}
            rows[name]["cpu_s"] = stage.cpu_seconds(d.pid)
            st.forget(d)
    if args.json:
        print(json.dumps(rows))
        return
    print("%-14s %-14s %-10s %s" % ("idle", "RssAnon MiB", "RSS MiB",
                                    "CPU s in %g s" % args.seconds))
    for name, r in rows.items():
        print("%-14s %-14.1f %-10.1f %.2f" % (
            name, r["RssAnon"] / 1024, r["VmRSS"] / 1024, r["cpu_s"]))


try:
    main()
except stage.Failed as e:
    sys.exit("idle: %s" % e)
