#!/usr/bin/env python3
"""full_disk.py - the file system that a host keeps its books on is full, while a
renter stores: what was acknowledged stays, what cannot be kept is refused, the
way forward is named, and room made is enough to go on.

usage: full_disk.py --bin DIR [--keep]
"""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (("..", "node"), ("..", "..", "scripts")):
    sys.path.insert(0, os.path.join(HERE, *folder))
import stage  # noqa: E402
from checks import check  # noqa: E402
from stage import wait_for  # noqa: E402
from town import CODING, HOSTS, is_there, make, run  # noqa: E402

SIZE = "24m"
ALL = ("--k", "2", "--n", str(HOSTS), "--periods", "40")


def own_mounts():
    """Starts this script again where a mount is nobody else's."""
    if os.environ.get("SEEDBANK_MOUNTS"):
        return os.environ["SEEDBANK_MOUNTS"] == "own"
    flags = ["-m"] if os.geteuid() == 0 else ["-U", "-r", "-m"]
    if shutil.which("unshare") and subprocess.run(
            ["unshare", *flags, "true"], stderr=subprocess.DEVNULL
            ).returncode == 0:
        os.environ["SEEDBANK_MOUNTS"] = "own"
        sys.stdout.flush()
        os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.argv])
    return False


def stop(town, host):
    daemon = town.daemons[town.hosts.index(host)]
    daemon.stop()
    town.st.forget(daemon)


def start(town, host):
    try:
        os.unlink(os.path.join(host.home, "api.sock"))
    except FileNotFoundError:
        pass
    daemon = town.daemons[town.hosts.index(host)] = town.daemon(host)
    return daemon


def onto_small_disk(town, host):
    """Its home goes onto a file system that has room for little more."""
    stop(town, host)
    was = host.home + ".was"
    os.rename(host.home, was)
    os.mkdir(host.home, 0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%s,mode=700" % SIZE,
                    "none", host.home], check=True)
    subprocess.run(["cp", "-a", was + "/.", host.home], check=True)
    daemon = start(town, host)
    wait_for("renting out", 60, lambda: town.is_up(host), daemon)


def fill(host):
    path = os.path.join(host.home, "filler")
    with open(path, "wb", buffering=0) as f:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    f.write(b"x" * size)
            except OSError:
                pass
    return path


def status(host):
    return host.run("host", "status", wallet=False)


def big(town):
    path = os.path.join(town.directory, "big")
    stage.make_file(path, 24 * stage.MIB)
    return path


def big_is_there(town, when):
    out = os.path.join(town.directory, "out " + when)
    os.mkdir(out)
    town.store("get", "big", "--out", out, *town.named())
    check("%s: all of it comes back" % when, stage.same(
        os.path.join(town.directory, "big"), os.path.join(out, "big")))


def play(town):
    host = town.hosts[0]
    onto_small_disk(town, host)
    town.store("put", make(town, 1), *ALL, *town.named())
    kept = status(host)["sectors"]
    check("all is well", not status(host)["alarms"], status(host))
    filler = fill(host)
    words = ("put", big(town))
    refused = ""
    try:
        town.store(*words, *ALL, *town.named())
    except stage.Failed as e:
        refused = str(e)
    check("all hosts are too many, and that is said", "host" in refused, refused)
    town.store("rm", "big", *town.named())
    done = town.store(*words, *CODING, "--periods", "40",
                      *town.named())
    daemon, said = town.daemons[0], status(host)
    check("others take what a full disk cannot", done["told"] >= 4, done)
    check("its daemon lives", daemon.poll() is None)
    check("what it had acknowledged is there", said["sectors"] >= kept, said)
    check("it says what is wrong, and what to do", any(
        "free some space" in a["text"] for a in said["alarms"]), said)
    is_there(town, 1)
    big_is_there(town, "with a full disk")
    stop(town, host)
    fill(host)  # what was freed meanwhile
    daemon = start(town, host)
    wait_for("the daemon", 40, lambda: "daemon ready" in open(
        daemon.log).read() or daemon.poll() is not None)
    check("it starts on a full disk", daemon.poll() is None)
    os.unlink(filler)
    wait_for("renting out", 60, lambda: town.is_up(host), daemon)
    check("when there is room it goes on by itself", True)
    town.put(make(town, 3), "--periods", "40")
    for n in (1, 3):
        is_there(town, n)
    big_is_there(town, "with room")
    got = town.store("audit", "--samples", "200")
    check("nothing that was acknowledged is lost", got["wrong"] == 0 and
          got["unanswered"] == 0, got)
    town.books("after a full disk")


def leave(directory):
    subprocess.run(["umount", os.path.join(directory, "host0")],
                   stderr=subprocess.DEVNULL, check=False)


def main():
    if not own_mounts():
        print("left out: a full disk needs a mount namespace", flush=True)
        return 77
    return run("full", 80, 120, play, leave)


if __name__ == "__main__":
    sys.exit(main())
