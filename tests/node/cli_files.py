"""cli_files.py - the part of cli.py about choosing among a torrent's files."""

import os
import signal

import stage
from cli_suite import ADDRESS, ANSWER_S, MIB, add, wait_for

# pieces of 64 KiB are shared by each two neighbours
FILES = (("a.txt", 100001), ("film.mkv", 3 * MIB), ("sub/b.txt", 70000),
         ("sub/c.mkv", 2 * MIB + 17))


class Season:
    """A torrent of several files, and who seeds it."""

    def __init__(self, s):
        self.s, self.source = s, s.path("season")
        for name, size in FILES:
            os.makedirs(os.path.dirname(self.place(self.source, name)),
                        exist_ok=True)
            stage.make_file(self.place(self.source, name), size)
        self.torrent = s.path("season.torrent")
        got = s.run("create", self.source + "/show", "--out", self.torrent,
                    "--piece-length", "64KiB", "--json")
        self.hash = got.json()["info_hash"]
        port = stage.free_port(ADDRESS)
        self.at = "%s:%d" % (ADDRESS, port)
        self.seeder = s.start("seed", "seed", self.source, "--torrent",
                              self.torrent, "--home", s.home(), "--listen",
                              self.at)
        wait_for("seeder", ANSWER_S, lambda: stage.accepts(ADDRESS, port),
                 self.seeder)

    @staticmethod
    def place(directory, name):
        return os.path.join(directory, "show", name)

    def there(self, out):
        """Names of the files that are there whole; all others must be away."""
        found = []
        for name, _ in FILES:
            if os.path.exists(self.place(out, name)):
                found.append(name)
                if not stage.same(self.place(out, name),
                                  self.place(self.source, name)):
                    found.append("DIFFERS")
        return found

    def get(self, out, *words, home=None):
        return self.s.run("get", *words, "--out", self.s.path(out), "--home",
                          home or self.s.home(), "--listen", ADDRESS + ":0",
                          "--peer", self.at, "--json")


def part_files(s):
    season = Season(s)
    listed(s, season)
    chosen(s, season)
    changed(s, season)
    season.seeder.stop(10)


def listed(s, season):
    got = s.run("files", season.torrent, "--json")
    s.check("the files of a .torrent", [(f["number"], f["path"], f["length"])
                                        for f in got.json()["files"]] ==
            [(i + 1, *f) for i, f in enumerate(FILES)], got)
    home = s.home()
    for name, words, says in (
            ("a number that no file has", ["--files", "5"], "1 to 4"),
            ("a list that is none", ["--files", "1-"], "1,3-5"),
            ("a pattern without a match", ["--only", "*.iso"],
             "no file matches")):
        s.refused(name, "get", season.torrent, "--home", home, *words, "--out",
                  s.path("no"), says=(says,))


def chosen(s, season):
    home = s.home()
    got = season.get("f1", season.torrent, "--files", "1,3", home=home)
    s.check("--files fetches those", got.status == 0 and season.there(
        s.path("f1")) == ["a.txt", "sub/b.txt"] and
        got.json()["downloaded"] < MIB, (got, season.there(s.path("f1"))))
    got = season.get("f1", season.torrent, "--files", "1,3", home=home)
    s.check("again: nothing more to fetch", got.status == 0 and
            got.json()["downloaded"] == 0, got)
    got = season.get("f1", season.torrent, home=home)
    s.check("then the rest", got.status == 0 and
            season.there(s.path("f1")) == [f[0] for f in FILES] and
            sorted(os.listdir(s.path("f1"))) == ["show"], got)
    got = season.get("f2", season.torrent, "--only", "*.mkv", "--sequential")
    s.check("--only and --sequential", got.status == 0 and season.there(
        s.path("f2")) == ["film.mkv", "sub/c.mkv"], got)
    got = season.get("f3", "magnet:?xt=urn:btih:%s&so=0,2" % season.hash)
    s.check("a link's `so` (BEP 53)", got.status == 0 and season.there(
        s.path("f3")) == ["a.txt", "sub/b.txt"], got)
    got = season.get("f4", "magnet:?xt=urn:btih:%s&so=0,2" % season.hash,
                     "--files", "2")
    s.check("--files goes before it", got.status == 0 and season.there(
        s.path("f4")) == ["film.mkv"], got)
    got = season.get("f5", "magnet:?xt=urn:btih:" + season.hash, "--only",
                     "*.iso")
    s.check("a pattern without a match fetches nothing", got.status != 0 and
            "no file matches" in got.out + got.err and
            not season.there(s.path("f5")), got)


def changed(s, season):
    """In a daemon, while it runs and over a restart."""
    home, out = s.home(), s.path("f6")
    listen = ["--listen", "%s:%d" % (ADDRESS, stage.free_port(ADDRESS))]
    d = s.daemon(home, *listen)

    def state():
        return s.state(home, season.hash)

    def files():
        got = s.run("files", season.hash, "--home", home, "--json")
        return got.json()["files"]

    add(s, home, "get", season.torrent, "--out", out, "--files", "1", "--peer",
        season.at)
    wait_for("the first file", ANSWER_S, lambda: state() == "seeding", d)
    t = s.listed(home)[season.hash]
    s.check("a daemon fetches what was chosen", season.there(out) ==
            ["a.txt"] and t["percent"] == 100 and
            t["wanted"] < MIB < t["total"], t)
    s.check("and says so by file", [f["priority"] for f in files()] ==
            ["normal", "skip", "skip", "skip"] and
            files()[0]["have"] == FILES[0][1], files())
    got = s.run("files", season.hash, "--want", "3", "--high", "4", "--home",
                home)
    s.check("more is wanted", got.status == 0, got)
    wait_for("two more", ANSWER_S, lambda: state() == "seeding" and len(
        season.there(out)) == 3, d)
    s.check("it came", season.there(out) == ["a.txt", "sub/b.txt",
                                             "sub/c.mkv"], season.there(out))
    os.kill(d.pid, signal.SIGTERM)
    s.ended(d, 15)
    d = s.daemon(home, *listen)
    wait_for("seeding again", ANSWER_S, lambda: state() == "seeding", d)
    s.check("a restart keeps the choice", [f["priority"] for f in files()] ==
            ["normal", "skip", "normal", "high"] and
            len(season.there(out)) == 3, files())
    s.check("what a piece shares with others lies aside", sorted(
        os.listdir(out)) == [".%s.parts" % season.hash, "show"],
        os.listdir(out))
    out = s.path("f7")
    os.mkdir(out)
    got = s.run("move", season.hash, out, "--home", home)
    wait_for("seeding there", ANSWER_S, lambda: state() == "seeding", d)
    s.check("a move takes along what lies aside", got.status == 0 and
            s.listed(home)[season.hash]["downloaded"] == 0 and
            not os.listdir(s.path("f6")) and len(season.there(out)) == 3,
            (got, os.listdir(s.path("f6")), s.listed(home)))
    s.run("pause", season.hash, "--home", home)
    s.run("files", season.hash, "--want", "2", "--sequential", "--home", home)
    s.run("resume", season.hash, "--home", home)
    wait_for("the film", ANSWER_S, lambda: state() == "seeding", d)
    s.check("chosen while it is paused, fetched then", len(
        season.there(out)) == 4, season.there(out))
    s.refused("all cannot be skipped", "files", season.hash, "--skip", "all",
              "--home", home, says=("left to want",))
    s.run("files", season.hash, "--want", "all", "--home", home)
    s.check("all of it, and nothing aside", season.there(out) ==
            [f[0] for f in FILES] and os.listdir(out) == ["show"],
            os.listdir(out))
    s.run("remove", season.hash, "--files", "--home", home)
    wait_for("removal", 15, lambda: not os.path.exists(out + "/show"), d)
    d.stop(15)
