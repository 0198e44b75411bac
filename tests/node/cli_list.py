"""cli_list.py - part of cli.py: what a daemon does with a list of torrents that
is not as it was written."""

import hashlib
import os
import shutil
import sqlite3

from cli_suite import wait_for


def spoil(home, sql):
    """A disk that gives back something else than it got."""
    with sqlite3.connect(home + "/torrents.db") as db:
        db.execute(sql)
    db.close()


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def stop(s, daemon):
    daemon.stop()
    s.stage.forget(daemon)


def begin(s, home, port):
    """A torrent that is only seeded, with a file that has lost a byte."""
    data = s.path("rotten")
    os.mkdir(data)
    shutil.copy(s.source + "/one.bin", data)
    d = s.daemon(home, "--listen", port)
    client = s.start("seed", "seed", data, "--torrent", s.torrent, "--home",
                     home)
    wait_for("the torrent", 30, lambda: s.state(home, s.hash) == "seeding", d,
             client)
    s.stage.forget(client)
    stop(s, d)
    with open(data + "/one.bin", "ab") as f:
        f.write(b"x")
    return data


def part_list(s):
    home, port = s.home(), "127.0.0.1:0"
    data = begin(s, home, port)
    before = digest(data + "/one.bin")
    # one bit: the leave to write into what is seeded
    spoil(home, "UPDATE torrent SET settings = "
          "replace(settings, '\"read_only\":true', '\"read_onlx\":true')")
    d = s.daemon(home, "--listen", port)
    s.check("an entry that is not as it was written is not acted on",
            s.logged(d, "not restored info_hash=%s.*is damaged" % s.hash) and
            s.hash not in s.listed(home) and
            digest(data + "/one.bin") == before)
    got = s.run("remove", s.hash, "--home", home)
    s.check("it can be removed by its hash", got.status == 0 and
            "removed" in got.out, got)
    s.check("once", s.run("remove", s.hash, "--home", home).status == 1)
    stop(s, d)
    torrent_of_another_bit(s, home, port, data)
    pages(s, home, port)


def torrent_of_another_bit(s, home, port, data):
    d = s.daemon(home, "--listen", port)
    client = s.start("seed", "seed", data, "--torrent", s.torrent, "--home",
                     home)
    wait_for("the torrent", 30, lambda: s.state(home, s.hash), d)
    s.stage.forget(client)
    stop(s, d)
    spoil(home, "UPDATE torrent SET torrent = CAST(substr(torrent, 1, 200) || "
          "x'00' || substr(torrent, 202) AS BLOB)")
    d = s.daemon(home, "--listen", port)
    s.check("a .torrent of the list that has changed is no other torrent",
            not s.listed(home) and s.logged(d, "not restored"),
            s.listed(home))
    client = s.start("seed", "seed", data, "--torrent", s.torrent, "--home",
                     home)
    wait_for("the torrent", 30, lambda: s.state(home, s.hash), d, client)
    s.stage.forget(client)
    stop(s, d)
    d = s.daemon(home, "--listen", port)
    s.check("added again it takes its place", list(s.listed(home)) == [s.hash],
            s.listed(home))
    stop(s, d)


def pages(s, home, port):
    """A page that reads as zeroes: the daemon would go on without torrents."""
    with sqlite3.connect(home + "/torrents.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page, = db.execute("SELECT rootpage FROM sqlite_schema WHERE "
                           "name = 'total'").fetchone()
        size, = db.execute("PRAGMA page_size").fetchone()
    db.close()
    with open(home + "/torrents.db", "r+b") as f:
        f.seek((page - 1) * size)
        f.write(bytes(size))
    s.refused("a list with a damaged page is named, with what to do",
              "--home", home, "--listen", port, program=s.seedbankd,
              says=("torrents.db: is damaged", "move it away"))
