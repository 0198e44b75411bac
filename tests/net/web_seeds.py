#!/usr/bin/env python3
"""web_seeds.py - files fetched from web servers (BEP 19), good and bad ones, by
`seedbank get`, and compared byte for byte. Where libtorrent is there it fetches
from the same servers, as a control.

In a network namespace of its own; where none can be made, on 127.0.0.x, which a
torrent's own web seeds may not be at: then all are named with --web-seed.

usage: web_seeds.py --seedbank PROGRAM [--only NAME] [--keep]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
sys.path.insert(0, HERE)
import rows  # noqa: E402
import stage  # noqa: E402
from stage import Failed, MIB, wait_for  # noqa: E402
from web_server import Server  # noqa: E402

ANSWER_S = 60
FILES = {
    "one.bin": 9 * MIB + 12345,
    "many/a/one.bin": 3 * MIB + 1,
    "many/empty": 0,
    "many/n\u00e0me & more.txt": 100,
    "many/z.bin": 6 * MIB,
}
PIECE = 64 << 10


class World:
    def __init__(self, args, directory, address, own_network):
        self.program = args.seedbank
        self.directory = directory
        self.address = address
        self.own_network = own_network
        self.source = os.path.join(directory, "source")
        self.runs = 0
        for name, size in FILES.items():
            path = os.path.join(self.source, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            stage.make_file(path, size)

    def close(self):
        """Nothing runs past a part."""

    def torrent(self, name, urls=()):
        """Of one.bin, or of the directory many."""
        if name == "one":
            names = ["one.bin"]
            info = {"length": FILES["one.bin"], "name": "one.bin"}
        else:
            names = [n for n in FILES if n.startswith("many/")]
            info = {"name": "many", "files": [
                {"length": FILES[n], "path": n.split("/")[1:]} for n in names]}
        data = b""
        for n in names:
            with open(os.path.join(self.source, n), "rb") as f:
                data += f.read()
        info["piece length"] = PIECE
        info["pieces"] = b"".join(
            stage.hashlib.sha1(data[i:i + PIECE]).digest()
            for i in range(0, len(data), PIECE))
        self.runs += 1
        path = os.path.join(self.directory, "%d.torrent" % self.runs)
        with open(path, "wb") as f:
            f.write(stage.bencode({"info": info, "url-list": list(urls)}))
        return path

    def server(self, *ways, **more):
        return Server(self.address, self.source, *ways, **more)

    def get(self, torrent, *words, seconds=ANSWER_S, complete=True,
            until=None):
        """Returns what it said of it at the end, and all that it said. `until`: it
        is ended once it has said that."""
        out = os.path.join(self.directory, "out%d" % self.runs)
        argv = [self.program, "--home", out + ".home", "get", torrent, "--out",
                out, "--listen", stage.endpoint(self.address, 0), "--json",
                "--log-level", "info", *words]
        said = os.path.join(self.directory, "said%d" % self.runs)
        with open(said, "w") as f:
            p = subprocess.Popen(argv, stdout=f, stderr=f)
            try:
                if until:
                    wait_for(until, ANSWER_S, lambda: p.poll() is not None or
                             until in open(said).read())
                    seconds = 0
                status = p.wait(seconds)
            except subprocess.TimeoutExpired:
                p.terminate()
                status = p.wait(20)
        with open(said) as f:
            text = f.read()
        if complete is not None and complete != (status == 0):
            raise Failed("ended with %s: %s" % (status, text))
        if status == 0:
            for name in FILES:
                there = os.path.join(out, name)
                if os.path.exists(there) and not stage.same(
                        os.path.join(self.source, name), there):
                    raise Failed("%s differs" % name)
            if not os.path.exists(os.path.join(out, "one.bin")) and \
                    not os.path.exists(os.path.join(out, "many/z.bin")):
                raise Failed("nothing is there")
            shutil.rmtree(out)
        return text


def seeds_of(text):
    """What the result says of each web seed."""
    result = [json.loads(line) for line in text.splitlines()
              if line.startswith("{")][-1]
    result = result.get("result", result)
    return {s["url"]: s for s in result["web_seeds"]}


def check(what, ok, got=None):
    if not ok:
        raise Failed("%s: %s" % (what, got))


def one_file(w):
    v = w.server()
    text = w.get(w.torrent("one"), "--web-seed", v.url + "one.bin")
    check("each byte once", v.sent == FILES["one.bin"], v.sent)
    check("connections are kept", v.connections <= 2, v.connections)
    check("it is told", seeds_of(text)[v.url + "one.bin"]["downloaded"] ==
          FILES["one.bin"], text)
    v.close()


def below_a_directory(w):
    v = w.server()
    w.get(w.torrent("many"), "--web-seed", v.url)
    check("the empty file is not asked for",
          "/many/empty" not in [p for p, _ in v.asked], v.asked)
    check("each byte once", v.sent == sum(
        s for n, s in FILES.items() if n.startswith("many/")), v.sent)
    v.close()


def named_in_the_torrent(w):
    v = w.server()
    if w.own_network:
        w.get(w.torrent("many", [v.url]))
    v.close()


def on_this_machine(w):
    """The torrent's author must not make us ask there; the user may."""
    v = Server("127.0.0.1", w.source)
    text = w.get(w.torrent("one", [v.url, v.url + "x"]), complete=False,
                 until="not allowed")
    check("not asked", not v.asked and "is not asked any more" in text and
          "not allowed" in text, text)
    w.get(w.torrent("one"), "--web-seed", v.url)
    v.close()


def with_a_query(w):
    v = w.server()
    if w.own_network:
        w.get(w.torrent("one", [v.url + "one.bin?x=y"]), seconds=2,
              complete=False)
        check("not asked with a query", not v.asked, v.asked)
    v.close()


def who_lies(w):
    v, good = w.server("lies"), w.server()
    text = w.get(w.torrent("one"), "--web-seed", v.url + "one.bin",
                 "--web-seed", good.url + "one.bin")
    check("banned in words", "it sent false data" in text, text)
    check("and left alone", v.sent < FILES["one.bin"], v.sent)
    for s in (v, good):
        s.close()


def who_hangs(w):
    v, good = w.server("hangs"), w.server()
    w.get(w.torrent("one"), "--web-seed", v.url + "one.bin", "--web-seed",
          good.url + "one.bin")
    check("asked once", len(v.asked) == 1, v.asked)
    for s in (v, good):
        s.close()


def who_knows_no_ranges(w):
    v = w.server("whole")
    # what lies near the beginning is taken, and all may be asked for from there
    text = w.get(w.torrent("many"), "--web-seed", v.url, complete=None,
                 until="knows no ranges")
    check("it is told", "knows no ranges" in text or '"complete":true' in text,
          text)
    good = w.server()
    w.get(w.torrent("many"), "--web-seed", v.url, "--web-seed", good.url)
    for s in (v, good):
        s.close()


def who_breaks_off(w):
    v, good = w.server("stops"), w.server()
    w.get(w.torrent("one"), "--web-seed", v.url + "one.bin", "--web-seed",
          good.url + "one.bin")
    check("left alone for a while", len(v.asked) <= 2, v.asked)
    for s in (v, good):
        s.close()


def who_is_busy(w):
    v, good = w.server("busy"), w.server()
    text = w.get(w.torrent("one"), "--web-seed", v.url + "one.bin",
                 "--web-seed", good.url + "one.bin")
    check("left alone for a while", len(v.asked) == 1 and
          seeds_of(text)[v.url + "one.bin"]["why"] == "status 503", text)
    for s in (v, good):
        s.close()


def who_has_another_file(w):
    for way, words in (("other", "bytes there"), ("elsewhere", "another part"),
                       ("gone", "status 404")):
        v, good = w.server(way), w.server()
        text = w.get(w.torrent("one"), "--web-seed", v.url + "one.bin",
                     "--web-seed", good.url + "one.bin")
        check(way, words in text and len(v.asked) == 1, text)
        for s in (v, good):
            s.close()


def who_lacks_a_file(w):
    a, b = w.server(lacks=["/many/z.bin"]), w.server()
    w.get(w.torrent("many"), "--web-seed", a.url, "--web-seed", b.url)
    check("asked once for what it has not",
          [p for p, _ in a.asked].count("/many/z.bin") <= 1, a.asked)
    for s in (a, b):
        s.close()


def who_redirects(w):
    v = w.server("redirects")
    w.get(w.torrent("one"), "--web-seed", v.url + "one.bin")
    check("where it led is kept",
          [p for p, _ in v.asked].count("/one.bin") == 1, v.asked)
    v.close()


def over_ipv6(w):
    if not stage.has_ipv6():
        return
    v = Server("fd77::1" if w.own_network else "::1", w.source)
    w.get(w.torrent("one"), "--web-seed", v.url + "one.bin")
    v.close()


LIBTORRENT = """if 1:
    import libtorrent as lt, sys, time
    torrent, out, listen, url = sys.argv[1:]
    s = lt.session({"listen_interfaces": listen, "enable_dht": False,
                    "enable_lsd": False, "enable_upnp": False,
                    "enable_natpmp": False, "ssrf_mitigation": False,
                    "urlseed_wait_retry": 1})
    p = lt.add_torrent_params()
    p.ti = lt.torrent_info(torrent)
    p.save_path = out
    h = s.add_torrent(p)
    h.add_url_seed(url)
    while not h.status().is_seeding:
        time.sleep(0.05)
"""


def libtorrent_from_the_same(w):
    python = "/usr/bin/python3"
    if not os.path.exists(python) or subprocess.run(
            [python, "-c", "import libtorrent"],
            capture_output=True).returncode:
        print("left out: libtorrent, which is not there", flush=True)
        return
    v = w.server()
    torrent = w.torrent("many")
    out = os.path.join(w.directory, "libtorrent")
    subprocess.run([python, "-c", LIBTORRENT, torrent, out,
                    stage.endpoint(w.address, 0), v.url], check=True,
                   timeout=ANSWER_S)
    check("it asked as we do", {p for p, _ in v.asked} == {
        "/many/a/one.bin", "/many/n\u00e0me & more.txt", "/many/z.bin"},
        v.asked)
    v.close()


PARTS = [one_file, below_a_directory, named_in_the_torrent, on_this_machine,
         with_a_query, who_lies, who_hangs, who_knows_no_ranges,
         who_breaks_off, who_is_busy, who_has_another_file, who_lacks_a_file,
         who_redirects, over_ipv6, libtorrent_from_the_same]


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--seedbank", required=True)
    p.add_argument("--only")
    p.add_argument("--keep", action="store_true")
    args = p.parse_args()
    addresses, own = stage.enter_namespace(["10.77.0.1", "fd77::1"])
    directory = tempfile.mkdtemp(prefix="seedbank-web.")
    try:
        return rows.run_parts(
            PARTS, lambda _st, own_directory: World(
                args, own_directory, addresses[0], own),
            directory, addresses, own, args.only, args.keep)
    finally:
        if args.keep:
            print("kept: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit("web_seeds: %s" % e)
