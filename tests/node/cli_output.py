"""cli_output.py - part of cli.py: output that cannot be written, and words that are
no text."""

import json
import os
import subprocess


def shell(s, line):
    return subprocess.run(
        ["bash", "-c", line, s.seedbank, s.home()], env=s.env, cwd=s.directory,
        capture_output=True, stdin=subprocess.DEVNULL, timeout=60)


def part_output(s):
    lost = b"seedbank: cannot write standard output"
    for name, line in (
            ("a full disk", 'exec "$0" --home "$1" magnet %s > /dev/full'),
            ("a full disk, as JSON", 'exec "$0" --home "$1" --json files %s > /dev/full'),
            ("none", 'exec "$0" --home "$1" magnet %s >&-')):
        got = shell(s, line % s.torrent)
        s.check("standard output that takes nothing is an error: " + name,
                got.returncode == 1 and got.stderr.startswith(lost), got)
    got = shell(s, '"$0" --home "$1" man | true; echo ${PIPESTATUS[0]}')
    s.check("a reader that has gone is told nothing", got.stdout in
            (b"0\n", b"1\n") and not got.stderr, got)
    words(s)


def words(s):
    """The config names the option that it does not know."""
    for text in (b"slots\xff\x1b[31m = 3\n", "ü".encode() * 100 + b" = 3\n"):
        home = s.home()
        os.mkdir(home)
        with open(home + "/config", "wb") as f:
            f.write(text)
        got = shell(s, 'exec "$0" --home %s --json list' % home)
        try:
            said = json.loads(got.stdout)["error"]["message"]
        except (ValueError, KeyError):
            said = ""
        s.check("an error that is no text is one as JSON",
                "unknown option" in said, got)
        got = shell(s, 'exec "$0" --home %s list' % home)
        s.check("and a terminal gets no commands", got.returncode == 2 and
                b"unknown option" in got.stderr and b"\x1b" not in got.stderr,
                got)
