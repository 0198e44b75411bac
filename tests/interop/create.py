#!/usr/bin/python3
"""create.py --seedbank PROGRAM - torrents that `seedbank create` makes are read
and found whole by others, and `seedbank verify` finds whole what others made.

Others: libtorrent of this Python and the newest one (scripts/setup; --python),
transmission-show and aria2c (v1), mktorrent and transmission-create, those that
are there. Exit status 77 when libtorrent is not.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
NEWEST = os.path.join(TOP, "build", "peers", "bin", "python")

# What libtorrent says of a torrent, and of the files in a directory: a line each.
JUDGE = r"""
import sys, warnings
warnings.simplefilter("ignore")
import libtorrent as lt
path, directory = sys.argv[1:]
ti = lt.torrent_info(path)
hashes, fs = ti.info_hashes(), ti.files()
if hashes.has_v1():
    print("v1", hashes.v1)
if hashes.has_v2():
    print("v2", hashes.v2)
flags = lt.file_flags_t
for i in range(fs.num_files()):
    f = fs.file_flags(i)
    if not f & flags.flag_pad_file:
        print("file", fs.file_size(i), "x" if f & flags.flag_executable else "-",
              "h" if f & flags.flag_hidden else "-", fs.file_path(i))
for t in sorted((t.tier, t.url) for t in ti.trackers()):
    print("tracker", *t)
for s in ti.web_seeds():
    print("seed", s["url"])
for n in ti.nodes():
    print("node", *n)
print("comment", ti.comment())
s = lt.session({"listen_interfaces": "", "enable_dht": False,
                "enable_lsd": False, "enable_upnp": False,
                "enable_natpmp": False})
p = lt.add_torrent_params()
p.ti, p.save_path, p.trackers = ti, directory, []
p.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
p.flags |= lt.torrent_flags.disable_dht | lt.torrent_flags.override_trackers | \
    lt.torrent_flags.override_web_seeds
h = s.add_torrent(p)
for _ in range(300):
    state = str(h.status().state)
    if state in ("seeding", "finished", "downloading"):
        break
    s.wait_for_alert(100)
    s.pop_alerts()
print("state", state)
"""

# What libtorrent makes of a directory or file.
MAKER = r"""
import os, sys, warnings
warnings.simplefilter("ignore")
import libtorrent as lt
kind, source, out = sys.argv[1:]
fs = lt.file_storage()
lt.add_files(fs, source)
t = lt.create_torrent(fs, 32768, {"v1": lt.create_torrent.v1_only, "hybrid": 0,
                                  "v2": lt.create_torrent.v2_only}[kind])
lt.set_piece_hashes(t, os.path.dirname(source))
with open(out, "wb") as f:
    f.write(lt.bencode(t.generate()))
"""

FILES = {"a/one": 100000, "a/b/two": 1, "a/b!": 16384, "a/run": 40000,
         "n\u00e0me \u2603": 65536, "z": 32769, "empty": 0, "z.last": 16385}
WORDS = ["--tracker", "http://a/announce,udp://b:1/announce", "--tracker",
         "http://c/announce", "--web-seed", "http://w.example/", "--node",
         "router.example:6881", "--node", "[::1]:99", "--comment", "a comment"]
SAID = ["tracker 0 http://a/announce", "tracker 0 udp://b:1/announce",
        "tracker 1 http://c/announce", "seed http://w.example/",
        "node router.example 6881", "node ::1 99", "comment a comment"]


def run(*argv, check=True):
    done = subprocess.run(argv, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError("%s: %d %s" % (argv[0], done.returncode,
                                          done.stderr.strip()))
    return done


def make_files(directory):
    for name, size in FILES.items():
        path = os.path.join(directory, "dir", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(os.urandom(size))
    os.chmod(os.path.join(directory, "dir/a/run"), 0o755)
    os.symlink("z", os.path.join(directory, "dir/link"))
    # libtorrent 2.1 orders "a/b!" so that it does not read its own hybrid
    os.mkdir(os.path.join(directory, "theirs"))
    shutil.copytree(os.path.join(directory, "dir"), os.path.join(
        directory, "theirs", "dir"), symlinks=True,
        ignore=shutil.ignore_patterns("b!", "link"))


class Suite:
    def __init__(self, args, directory):
        self.args, self.directory, self.wrong = args, directory, 0

    def path(self, name):
        return os.path.join(self.directory, name)

    def check(self, what, wrong):
        self.wrong += bool(wrong)
        print("%-62s %s" % (what, "\n  ".join(["WRONG"] + wrong) if wrong
                            else "ok"))

    def create(self, content, name, *options):
        out = self.path(name)
        run(self.args.seedbank, "create", self.path(content), "--out", out,
            "--piece-length", "32KiB", "--home", self.path("home"), *options)
        return out

    # --- ours, read by others ---

    def files(self, content):
        """The lines of "file" that libtorrent is to say."""
        if content == "dir/z":
            return ["file 32769 - - z"]
        return ["file %d %s - dir/%s" % (size, "x" if name == "a/run" else "-",
                                         name) for name, size in FILES.items()]

    def judged(self, python, torrent, content, kind):
        said = run(python, "-c", JUDGE, torrent, os.path.dirname(
            self.path(content))).stdout.splitlines()
        want = self.files(content) + SAID + ["state seeding"]
        wrong = ["not said: " + x for x in want if x not in said]
        wrong += ["said: " + x for x in said
                  if x not in want and x.split()[0] not in ("v1", "v2")]
        versions = {x.split()[0] for x in said} & {"v1", "v2"}
        if versions != {"v1": {"v1"}, "v1 --pad": {"v1"}, "v2": {"v2"},
                        "hybrid": {"v1", "v2"}}[kind]:
            wrong.append("versions %s" % versions)
        return wrong

    def ours(self):
        for kind in ("v1", "v1 --pad", "v2", "hybrid"):
            for content in ("dir", "dir/z"):
                name = (kind + content).replace("/", "-").replace(" ", "")
                torrent = self.create(content, name + ".torrent", *WORDS,
                                      *("--" + kind).split())
                for python in self.args.pythons:
                    self.check("%s of %s, by libtorrent (%s)" % (
                        kind, content, python),
                        self.judged(python, torrent, content, kind))
                if kind.startswith("v1"):
                    self.by_programs(torrent, kind, content)

    def by_programs(self, torrent, kind, content):
        for argv in (["transmission-show", torrent], ["aria2c", "-S", torrent]):
            if shutil.which(argv[0]):
                done = run(*argv, check=False)
                self.check("%s of %s, by %s" % (kind, content, argv[0]),
                           [done.stderr + done.stdout] if done.returncode or
                           "a comment" not in done.stdout else [])
        # it has files of zeroes where padding stands, so not of those
        if shutil.which("aria2c") and kind == "v1":
            done = run("aria2c", "--check-integrity", "--hash-check-only",
                       "--enable-dht=false", "--seed-time=0", "--bt-tracker=",
                       "--bt-exclude-tracker=*", "--dir", os.path.dirname(
                           self.path(content)), torrent, check=False)
            self.check("%s of %s, checked by aria2c" % (kind, content),
                       [done.stdout] if done.returncode else [])

    # --- theirs, checked by us ---

    def verify(self, torrent, what):
        done = run(self.args.seedbank, "verify", self.path("theirs"), "--torrent",
                   torrent, "--home", self.path("home"), check=False)
        self.check(what, [] if done.returncode == 0 and
                   "pieces are good" in done.stdout else
                   [done.stdout + done.stderr])

    def theirs(self):
        source, out = self.path("theirs/dir"), self.path("t.torrent")
        makers = [("mktorrent", ["mktorrent", "-l", "15", "-a", "http://b/", "-o",
                                 out, source]),
                  ("transmission-create", ["transmission-create", "-s", "32",
                                           "-o", out, source])]
        for python in self.args.pythons:
            makers += [("libtorrent (%s) %s" % (python, kind),
                        [python, "-c", MAKER, kind, source, out])
                       for kind in ("v1", "hybrid", "v2")]
        for name, argv in makers:
            if not shutil.which(argv[0]):
                print("missing: %s, which makes torrents" % name)
                continue
            if os.path.exists(out):
                os.unlink(out)
            run(*argv)
            self.verify(out, "%s, checked by us" % name)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--seedbank", required=True)
    p.add_argument("--python", default=NEWEST)
    args = p.parse_args()
    args.pythons = [x for x in (sys.executable, args.python)
                    if shutil.which(x) and
                    run(x, "-c", "import libtorrent",
                        check=False).returncode == 0]
    if not args.pythons:
        print("create: no libtorrent for " + sys.executable)
        return 77
    with tempfile.TemporaryDirectory(prefix="seedbank-create.") as directory:
        make_files(directory)
        suite = Suite(args, directory)
        suite.ours()
        suite.theirs()
    print("%d wrong" % suite.wrong)
    return 1 if suite.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
