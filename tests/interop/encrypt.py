"""encrypt.py - encrypted connections (MSE/PE) with other clients and between two
of our own, both ways, under each policy; what arrives is compared byte for byte,
and our log must say how the connection was encrypted.
"""

import os

import contents
import rows
import run
from clients import encryption_in, Mode
from stage import wait_for, Failed, MIB

RC4_ONLY = {"in_enc_policy": 0, "out_enc_policy": 0, "allowed_enc_level": 2}
PLAIN_BEHIND = {"in_enc_policy": 0, "out_enc_policy": 0, "allowed_enc_level": 1}
NO_ENCRYPTION = {"in_enc_policy": 2, "out_enc_policy": 2}
ARIA2_RC4 = ("--bt-require-crypto=true", "--bt-min-crypto-level=arc4")

# client, its way, what it is told for that, our `encryption`, what our log must
# say of us as leecher and as seeder. Where nothing is said it may be either.
WITH = [
    ("transmission", "-er", ("-er",), "allow", "rc4", "rc4"),
    ("libtorrent", "rc4 only", RC4_ONLY, "allow", "rc4", "rc4"),
    ("libtorrent", "as it is", {}, "require", "rc4", "rc4"),
    ("libtorrent", "plain behind it", PLAIN_BEHIND, "allow", "plain", "plain"),
    ("libtorrent", "plain only", NO_ENCRYPTION, "prefer", "plain", "plain"),
    ("libtorrent21", "rc4 only", RC4_ONLY, "allow", "rc4", "rc4"),
    ("libtorrent21", "as it is", {}, "prefer", "rc4", None),
    ("aria2", "rc4 only", ARIA2_RC4, "allow", "rc4", "rc4"),
    ("aria2", "as it is", (), "require", "rc4", "rc4"),
]
# seeder's and leecher's policy
OWN = [
    ("allow", "prefer", "frames"),
    ("require", "allow", "frames"),
    ("prefer", "require", "frames"),
    ("off", "prefer", "plain"),
]
FILES = {"single": {"single.bin": 2 * MIB + 12345}}


class Table:
    def __init__(self, stock):
        self.makers, self.addresses = stock.makers, stock.addresses
        directory = os.path.join(stock.directory, "encrypt")
        self.source = os.path.join(directory, "source")
        self.made = contents.make_all(directory, FILES, None)

    def ours(self, policy):
        c = self.makers["seedbank"]()
        c.settings = {"encryption": policy}
        return c

    def other(self, name, told):
        c = self.makers[name]()
        if isinstance(told, dict):
            c.settings = told
        else:
            c.options = told
        return c

    def run(self, st, directory):
        mode = Mode.parse("")
        return run.Run(st, directory, mode, self.made,
                        run.Here(self.addresses, mode.six).places)

    def row(self, name, seeder, leecher, want):
        """seeder, leecher: what makes them; want: how each of ours says that it
        was encrypted, in the same order."""
        def play(st, directory):
            both = seeder(), leecher()
            run.swap(self.run(st, directory), *both, self.source)
            for client, how in zip(both, want):
                said = encryption_in(os.path.join(
                    st.directory, client.role + "-seedbank-single.log")) \
                    if how else None
                if how and how not in said:
                    raise Failed("%s instead of %s" % (said, how))
            return "/".join(how for how in want if how) or "either"
        return rows.Row(name, play)

    def with_clients(self):
        for name, how, told, policy, leeching, seeding in WITH:
            if name not in self.makers:
                continue
            what = "%s (%s)" % (name, how)
            ours = lambda policy=policy: self.ours(policy)
            other = lambda name=name, told=told: self.other(name, told)
            yield self.row("%s -> %s" % (what, policy), other, ours,
                           (None, leeching))
            yield self.row("%s -> %s" % (policy, what), ours, other,
                           (seeding, None))

    def between_ours(self):
        for seeder, leecher, how in OWN:
            yield self.row("%s -> %s" % (seeder, leecher),
                           lambda seeder=seeder: self.ours(seeder),
                           lambda leecher=leecher: self.ours(leecher),
                           (how, how))

    def refused(self, st, directory):
        """Nothing is swapped: the seeder says why."""
        r = self.run(st, directory)
        seeder = run.start(r, self.ours("require"), "seed", self.source)
        leecher = run.start(r, self.other("libtorrent", NO_ENCRYPTION),
                             "leech", os.path.join(directory, "out"))
        log = seeder.processes[0].log
        wait_for("refusal of a plain connection", run.START_S,
                 lambda: "not encrypted" in open(log, errors="replace").read(),
                 *seeder.processes)
        if leecher.complete():
            raise Failed("it got the file all the same")
        return "refused"


def table(stock):
    t = Table(stock)
    out = [*t.with_clients(), *t.between_ours()]
    if "libtorrent" in stock.makers:
        out.append(rows.Row("require -> libtorrent (plain only)", t.refused))
    return out
