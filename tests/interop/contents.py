"""contents.py - what is swapped: files, and a torrent of each kind.

multi: a directory with files of odd sizes, an empty one, a nested one and one with
a name beyond ASCII; single: one file; hybrid: v1 and v2 in one, with pad files; v2:
that alone. The last two are made by libtorrent and are missing without it.
"""

import collections
import filecmp
import os
import subprocess
import urllib.parse

import stage
from stage import Failed, KIB, MIB

FULL = {
    "single": {"single.bin": 6 * MIB + 12345},
    "multi": {
        "multi/a/one.bin": 3 * MIB + 1,
        "multi/a/b/two.bin": 100000,
        "multi/empty": 0,
        "multi/n\u00e0me \u2603.txt": 10,
        "multi/z.bin": 2 * MIB,
    },
    "hybrid": {
        "hybrid/one.bin": 1 * MIB + 7,
        "hybrid/two.bin": 70000,
        "hybrid/three.bin": 1 * MIB,
    },
    "v2": {
        "v2/one.bin": 9 * MIB + 7,  # over 512 pieces: layers in parts
        "v2/empty": 0,
        "v2/below/two.bin": 70000,
    },
}
SMALL = {
    "multi": {
        "multi/a/one.bin": 500 * KIB + 1,
        "multi/empty": 0,
        "multi/n\u00e0me \u2603.txt": 10,
        "multi/z.bin": 100000,
    },
    "hybrid": {
        "hybrid/one.bin": 300 * KIB + 7,
        "hybrid/two.bin": 70000,
    },
    "v2": {
        "v2/one.bin": 300 * KIB + 7,
        "v2/two.bin": 70000,
    },
}
LONG = {"single": {"single.bin": 1 * MIB + 7}}  # for a line that is slow

# names: {file: size}; hashes: [v1 or what is announced, v2 where there is one]
Content = collections.namedtuple("Content", "name files torrent hashes")


def write(path, size):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(os.urandom(size))


def make_all(directory, files, libtorrent):
    """[Content] of FULL, SMALL or LONG: files below DIRECTORY/source, torrents in
    DIRECTORY that name no tracker. `libtorrent` is a python that has it, or None."""
    source = os.path.join(directory, "source")
    made = []
    for name, sizes in files.items():
        for file, size in sizes.items():
            write(os.path.join(source, file), size)
        out = os.path.join(directory, name + ".torrent")
        if name == "single":
            hashes = [stage.make_torrent(
                os.path.join(source, "single.bin"), out, 65536)]
        elif name == "multi":
            hashes = [_make_multi(source, list(sizes), out)]
        elif libtorrent:
            hashes = _make_by_libtorrent(
                libtorrent, os.path.join(source, name), out, name)
        else:
            continue
        made.append(Content(name, sizes, out, hashes))
    return made


def _make_by_libtorrent(python, directory, out, kind):
    code = """if 1:
        import libtorrent as lt, os, sys
        directory, out, kind = sys.argv[1:]
        fs = lt.file_storage()
        lt.add_files(fs, directory)
        t = lt.create_torrent(fs, 16384 if kind == "v2" else 65536,
                              lt.create_torrent.v2_only if kind == "v2" else 0)
        lt.set_piece_hashes(t, os.path.dirname(directory))
        open(out, "wb").write(lt.bencode(t.generate()))
        h = lt.torrent_info(out).info_hashes()
        print(h.v1 if h.has_v1() else str(h.v2)[:40], h.v2)
    """
    return subprocess.run(
        [python, "-c", code, directory, out, kind], check=True,
        capture_output=True, text=True).stdout.split()


def _make_multi(source, names, out, piece_length=32768):
    data = b""
    files = []
    for name in names:
        with open(os.path.join(source, name), "rb") as f:
            content = f.read()
        data += content
        files.append({"length": len(content), "path": name.split("/")[1:]})
    pieces = b"".join(
        stage.hashlib.sha1(data[i:i + piece_length]).digest()
        for i in range(0, len(data), piece_length))
    info = {"files": files, "name": names[0].split("/")[0],
            "piece length": piece_length, "pieces": pieces}
    with open(out, "wb") as f:
        f.write(stage.bencode({"info": info}))
    return stage.hashlib.sha1(stage.bencode(info)).hexdigest()


def name_in(content, out, tracker, web_seed=None):
    """The torrent once more at `out`, with these beside its info dictionary:
    "announce" sorts before all that is there, "url-list" after it."""
    with open(content.torrent, "rb") as f:
        torrent = f.read()
    first = b"8:announce" + stage.bencode(tracker) if tracker else b""
    last = b"8:url-list" + stage.bencode(web_seed) if web_seed else b""
    with open(out, "wb") as f:
        f.write(b"d" + first + torrent[1:-1] + last + b"e")


def link_of(content, tracker, by_v2=False):
    """Of v2 by its own hash, of a hybrid by both, or by that of v2 alone."""
    h = content.hashes
    topics = [] if content.name == "v2" or by_v2 else ["xt=urn:btih:" + h[0]]
    topics += ["xt=urn:btmh:1220" + h[1]] if len(h) > 1 else []
    if tracker:
        topics.append("tr=" + urllib.parse.quote(tracker, safe=""))
    return "magnet:?%s&dn=%s" % ("&".join(topics), content.name)


def compare(source, out, contents, empty=True):
    for content in contents:
        for name, size in content.files.items():
            if not size and not empty:
                continue
            there = os.path.join(out, name)
            if not os.path.exists(there) or not filecmp.cmp(
                    os.path.join(source, name), there, shallow=False):
                raise Failed("%s differs or is missing in %s" % (name, out))
