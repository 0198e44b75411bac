#!/usr/bin/python3
"""torrents.py DUMP-TORRENT - .torrent files made by others are read as
libtorrent reads them, and what is built from them is the same torrent again.

Makers: mktorrent, transmission-create and libtorrent (v1, v2, both), those that
are there. Exit status 77 when libtorrent, the judge, is not.
"""

import os
import shutil
import subprocess
import sys
import tempfile

try:
    import libtorrent as lt
except ImportError:
    print("torrents: no libtorrent for " + sys.executable)
    sys.exit(77)

URL = "http://10.77.0.1:6969/announce"
FILES = {"a/one": 100000, "a/b/two": 1, "n\u00e0me \u2603": 65536,
         "z": 32769, "empty": 0}


def make_files(directory):
    os.makedirs(os.path.join(directory, "dir", "a", "b"))
    for name, size in FILES.items():
        with open(os.path.join(directory, "dir", name), "wb") as f:
            f.write(os.urandom(size))


def by_mktorrent(directory, source, out, private):
    options = ["-p"] if private else []
    return ["mktorrent", *options, "-l", "15", "-a", URL, "-a",
            "http://b/announce,http://c/announce", "-c", "a comment", "-o",
            out, source]


def by_transmission(directory, source, out, private):
    options = ["-p"] if private else []
    return ["transmission-create", *options, "-s", "32", "-t", URL, "-c",
            "a comment", "-o", out, source]


def by_libtorrent(flags):
    def make(_directory, source, out, private):
        fs = lt.file_storage()
        lt.add_files(fs, source)
        t = lt.create_torrent(fs, 32768, flags)
        t.add_tracker(URL, 0)
        t.add_tracker("http://b/announce", 1)
        t.set_comment("a comment")
        t.set_priv(private)
        lt.set_piece_hashes(t, os.path.dirname(source))
        with open(out, "wb") as f:
            f.write(lt.bencode(t.generate()))
    return make


MAKERS = {
    "mktorrent": by_mktorrent,
    "transmission-create": by_transmission,
    "libtorrent v1": by_libtorrent(lt.create_torrent.v1_only),
    "libtorrent v1 and v2": by_libtorrent(0),
    "libtorrent v2": by_libtorrent(lt.create_torrent.v2_only),
}


def make(name, maker, *arguments):
    """False when the program is not there."""
    if name.startswith("libtorrent"):
        maker(*arguments)
        return True
    argv = maker(*arguments)
    if not shutil.which(argv[0]):
        return False
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return True


def as_libtorrent_reads(path):
    ti = lt.torrent_info(path)
    fs = ti.files()
    hashes = ti.info_hashes()
    lines = ["info_hash %s" % hashes.get_best() if not hashes.has_v1() else
             "info_hash %s" % hashes.v1, "name " + ti.name(),
             "piece_length %d" % ti.piece_length(),
             "pieces %d" % ti.num_pieces(), "total %d" % ti.total_size(),
             "private %d" % ti.priv()]
    if hashes.has_v2():
        lines.append("info_hash_v2 %s" % hashes.v2)
    for i in range(fs.num_files()):
        pad = bool(fs.file_flags(i) & lt.file_flags_t.flag_pad_file)
        lines.append("file %d %d %d %s" % (
            fs.file_offset(i), fs.file_size(i), pad,
            fs.file_path(i).replace(os.sep, "/")))
    lines += ["tracker %d %s" % (t.tier, t.url) for t in ti.trackers()]
    return lines + ["comment " + ti.comment()]


def dump(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True)
    return done.returncode, done.stdout.decode().splitlines(), \
        done.stderr.decode().strip()


def without_pads(lines):
    """Of v2 alone pads are in no torrent: where they stand is each reader's
    own choice, and so are offsets of empty files and the total."""
    out = []
    for line in lines:
        word = line.split()
        if word[0] == "total" or (word[0] == "file" and word[3] == "1"):
            continue
        if word[0] == "file" and word[2] == "0":
            word[1] = "-"
        out.append(" ".join(word))
    return out


def differences(program, name, path):
    """What we read of it, and what libtorrent reads of what we build again."""
    status, ours, error = dump(program, path, path + ".again")
    if status != 0:
        return [error]
    theirs = as_libtorrent_reads(path)
    again = as_libtorrent_reads(path + ".again")
    if name == "transmission-create":  # it writes private=0
        again[0] = theirs[0]
    if name == "libtorrent v2":
        ours, theirs, again = map(without_pads, (ours, theirs, again))
    return ["ours " + x for x in ours if x not in theirs] + \
        ["theirs " + x for x in theirs if x not in ours] + \
        ["built " + x for x in again if x not in ours]


def main():
    program = sys.argv[1]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="seedbank-torrents.") as directory:
        make_files(directory)
        for name, maker in MAKERS.items():
            for content in ("dir", "dir/z"):
                for private in (False, True):
                    source = os.path.join(directory, content)
                    path = os.path.join(directory, "t.torrent")
                    if os.path.exists(path):
                        os.unlink(path)
                    if not make(name, maker, directory, source, path,
                                private):
                        print("missing: %s, which makes torrents" % name)
                        continue
                    wrong = differences(program, name, path)
                    failed += bool(wrong)
                    print("%-21s %-5s %-7s %s" % (
                        name, content, "private" if private else "",
                        "\n  ".join(["WRONG", *wrong]) if wrong else "ok"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
