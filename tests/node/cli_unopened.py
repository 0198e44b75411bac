#!/usr/bin/env python3
"""cli_unopened.py - agreements that never go to the chain: prepaid a period at
a time by receipts, after an audit; a renter that is killed meanwhile, hosts that
lose what they keep or are not paid, a daemon, and a restore.

usage: cli_unopened.py --bin DIR [--keep]
"""

import decimal
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
import nodes  # noqa: E402
import stage  # noqa: E402
from checks import check  # noqa: E402
from stage import wait_for  # noqa: E402
from town import CODING, KILLS, is_there, make, run  # noqa: E402

D = decimal.Decimal
TERM = ("--unopened", "--periods", "60")
LESS = ("--unopened", "--periods", "40")  # fits into agreements of the former


def unopened(town):
    return [a for a in town.store("status")["agreements"] if a["unopened"]]


def states(town):
    return sorted(a["state"] for a in unopened(town))


def settled(town, rows):
    """To the first period that is not paid, if it is not here yet."""
    first = max(a["through"] for a in rows)
    if town.period() < first:
        town.jump(first)


def host_of(town, row):
    return next(h for h in town.hosts
                if h.storage_account.lower() == row["host"].lower())


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
    wait_for("renting out", 60, lambda: town.is_up(host), daemon)


def stored(town):
    """A first file: its sectors cost no transaction."""
    town.spent()
    words = (make(town, 1), *CODING, *town.named(), "--periods", "60")
    opened = town.store("cost", *words)
    quote = town.store("cost", *words, "--unopened")
    done = town.put(*words[:1], *TERM)
    sent, _ = town.spent()
    check("a file is put, as was quoted", done["each_period"] ==
          quote["each_period"] and D(done["each_period"]) > 0, (quote, done))
    check("it is not locked, as it would be", D(done["locked"]) <
          D(opened["locked"]) and opened["each_period"] == "0", (done, opened))
    rows = unopened(town)
    check("its agreements are prepaid", len(rows) == 5 and
          states(town) == ["prepaid"] * 5, rows)
    check("for the present period",
          {a["through"] - a["from"] for a in rows} == {1}, rows)
    check("the chain is told of the catalogue's alone", sent <= 7, sent)
    is_there(town, 1)
    town.books("unopened")
    return rows


def paid(town, rows):
    """The next period is due when it begins, and paid once."""
    settled(town, rows)
    late = town.store("status")
    check("the next period is due", states(town) == ["unpaid"] * 5 and
          len([w for w in late["warnings"] if "store pay" in w]) == 5, late)
    short = town.renter.argv("store", "pay", "--budget", "0.000001") + [
        "--passphrase-file", town.renter.passphrase]
    p = town.st.spawn("short", short)
    check("not with less than it costs", p.wait(60) != 0 and
          states(town) == ["unpaid"] * 5)
    town.st.forget(p)
    done = town.store("pay")
    check("hosts that show what they keep are paid", done["due"] == 5 and
          done["paid"] == 5 and done["samples"] == done["right"] > 0, done)
    check("what they are owed", D(done["cost"]) ==
          sum(D(a["rate"]) for a in rows), (done, rows))
    again = town.store("pay")
    check("and once", again["due"] == 0 and again["paid"] == 0, again)
    check("then it is prepaid", states(town) == ["prepaid"] * 5)


def renewed(town):
    """The present period is paid in the old agreements: the new ones begin
    where that ends."""
    before = town.store("status")["paid"]
    old = {a["host"]: a for a in unopened(town) if a["state"] == "prepaid"}
    done = town.store("renew", "--periods", "80", *town.named())
    new = [a for a in unopened(town) if a["state"] == "prepaid" and
           a["until"] > max(b["until"] for b in old.values())]
    check("all of it is renewed", done["lost"] == 0 and len(new) == len(old),
          (done, new))
    check("from the first period that is not paid", all(
        a["from"] == old[a["host"]]["through"] == a["through"] - 1
        for a in new), (old, new))
    check("so that each period is paid once", D(town.store("status")["paid"]) -
          D(before) == sum(D(a["rate"]) for a in new), (before, new))
    is_there(town, 1)
    town.books("renewed")


def opened(town):
    return [a for a in town.store("status")["agreements"]
            if not a["unopened"] and a["state"] == "running"]


def proofs(town):
    return sum(h.run("host", "status", wallet=False)["proofs"]
               for h in town.hosts)


def settled_ahead(town):
    """What is on the chain is settled by revisions, too: its hosts prove nothing
    while the renter audits them, and go on when it does not."""
    first = max([a["from"] for a in town.store("status")["agreements"]])
    if town.period() < first:
        town.jump(first)
    rows = opened(town)
    town.store("pay", "--opened")
    town.jump(town.period() + 1)
    done = town.store("pay", "--opened")
    check("agreements on the chain are settled", done["settled"] == len(rows) > 0
          and D(done["moved"]) >= sum(D(a["rate"]) for a in rows), (done, rows))
    check("and once", town.store("pay", "--opened")["due"] == 0)
    before = proofs(town)
    for _ in range(2):
        town.jump(town.period() + 1)
        town.store("pay", "--opened")
    check("their hosts need not prove it", proofs(town) == before and
          not [a for a in opened(town) if a["misses"]], opened(town))
    quiet = town.store("status")
    check("nor has the renter to post it", not [
        w for w in quiet["warnings"] if "not on the chain" in w], quiet)
    town.jump(town.period() + 1)
    wait_for("the hosts post it", 60, lambda: town.passing(2) or all(
        a["through"] > town.period() for a in opened(town)))
    town.jump(town.period() + 1)
    wait_for("and prove again", 60, lambda: town.passing(2) or
             proofs(town) >= before + len(rows))
    check("when it stops, they post that and prove again", not [
        a for a in opened(town) if a["misses"]], opened(town))
    town.books("settled ahead")


def killed(town):
    """Killed at many points, a put and a payment go on."""
    rows = unopened(town)
    words = ("put", make(town, 2), *CODING, *LESS, *town.named())
    cut = [town.killed(after, *words) for after in KILLS[::2]]
    done = town.store(*words)
    check("a put that was killed %d times is finished" % sum(cut),
          done["files"] == 1, done)
    now = unopened(town)
    check("in the same agreements", {(a["host"], a["number"]) for a in rows} <=
          {(a["host"], a["number"]) for a in now} and
          len(now) - len(rows) <= 1, (rows, now))
    for n in (1, 2):
        is_there(town, n)
    settled(town, now)
    cut = [town.killed(after, "pay") for after in (0.4, 0.6, 0.8, 1.0)]
    town.store("pay")
    check("a payment that was killed %d times is finished" % sum(cut),
          set(states(town)) == {"prepaid"}, unopened(town))
    check("and made once", {a["through"] for a in unopened(town)} ==
          {town.period() + 1}, (town.period(), unopened(town)))
    town.books("killed")


def silent(town):
    """A host that is away is paid when it is back."""
    rows = unopened(town)
    host = host_of(town, rows[0])
    stop(town, host)
    others = [h for h in town.hosts if h != host]
    last = int(town.chain.call("eth_blockNumber"), 16)
    town.chain.call("anvil_mine", hex(
        max(a["through"] for a in rows) * town.blocks + 3 - last))
    for h in others:
        wait_for("the period", 60, lambda node=h: node.run(
            "host", "status", wallet=False)["period"] >= town.period())
    done = town.store("pay")
    check("a host that is away is not paid", done["silent"] == 1 and
          done["paid"] == done["due"] - 1, done)
    check("that is told", states(town).count("unpaid") == 1)
    start(town, host)
    wait_for("the period", 60, lambda: host.run(
        "host", "status", wallet=False)["period"] >= town.period())
    done = town.store("pay")
    check("it is paid when it is back", done["due"] == done["paid"] == 1, done)


def lost(town):
    """A host whose disk keeps other bytes than it was given."""
    host = host_of(town, unopened(town)[0])
    stop(town, host)
    volume = os.path.join(host.home + ".disk", "seedbank.volume")
    with open(volume, "r+b") as f:
        f.seek(stage.MIB)
        for _ in range(os.path.getsize(volume) // stage.MIB - 1):
            f.write(os.urandom(stage.MIB))
    start(town, host)
    settled(town, unopened(town))
    done = town.store("pay")
    check("who lost what it keeps is not paid", done["wrong"] == 1 and
          done["paid"] == done["due"] - 1, done)
    for n in (1, 2):
        is_there(town, n)
    mended = town.store("repair", "--all", *town.named())
    check("what it lost is made again elsewhere", mended["repaired"] > 0 and
          mended["left"] == "", mended)
    kept = [a for a in unopened(town) if a["state"] == "prepaid"]
    check("and paid for there", len(kept) >= 5, unopened(town))
    again = town.store("pay")
    check("the other is paid nothing", again["paid"] == 0, again)
    return host


def removed(town):
    """What is removed is paid for no more."""
    before = {(a["host"], a["number"]): a for a in unopened(town)}
    town.store("rm", "file2", *town.named())
    after = [a for a in unopened(town) if a["state"] == "prepaid"]
    less = [a for a in after if D(a["rate"]) <
            D(before[a["host"], a["number"]]["rate"])]
    check("a file that is removed costs less", len(less) >= 4, (before, after))
    is_there(town, 1)
    town.books("removed")


def by_itself(town):
    """A daemon pays each period."""
    daemon = town.daemon(town.renter)
    wait_for("the renter's daemon", 40, lambda: os.path.exists(
        os.path.join(town.renter.home, "api.sock")), daemon)
    settled(town, [a for a in unopened(town) if a["state"] == "prepaid"])
    wait_for("a payment by itself", 60, lambda: len([
        a for a in unopened(town) if a["through"] > town.period()]) >= 5,
        daemon)
    check("a daemon pays by itself", True)
    wait_for("records told again", 60, lambda: "records told again objects=" in
             open(daemon.log).read(), daemon)
    check("and tells again where all lies", True)
    daemon.stop()
    town.st.forget(daemon)
    town.books("by itself")


def restore(town, name):
    """A new machine that has the phrase and one host's endpoint."""
    old = town.renter
    new = nodes.Node(town.directory, name, old.address, town.chain)
    with open(new.passphrase, "w") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write("another passphrase\n")
    made = new.run("wallet", "import", "--passphrase-file", new.passphrase,
                   wallet=False, stdin=old.phrase + "\n")
    new.cheapen(made["file"], old.phrase)
    new.account, new.storage_account = "the phrase's", old.storage_account
    new.configure(rpc=town.chain.url, bank=town.bank, token=town.token,
                  confirmations="1")
    return new, new.run("restore", "--host", town.hosts[-1].address + ":6881")


def restorable(town, when, *files):
    """What was stored a moment ago is found by the phrase alone."""
    kept = {(a["host"], a["number"]): a["through"] for a in unopened(town)
            if a["state"] == "prepaid"}
    old = town.renter
    town.renter, got = restore(town, when.replace(" ", "-"))
    found = {(a["host"], a["number"]): a["through"] for a in unopened(town)}
    check("%s: a restore finds them" % when, got["lacking"] == 0 and
          all(found.get(k) == v for k, v in kept.items()), (kept, found, got))
    for n in files:
        is_there(town, n)
    town.renter = old


def restored(town):
    """A new machine finds them through the catalogue, and goes on paying."""
    restorable(town, "renewed")
    town.renter, _ = restore(town, "new")
    is_there(town, 1)
    settled(town, [a for a in unopened(town) if a["state"] == "prepaid"])
    done = town.store("pay")
    check("and they are paid on", done["paid"] >= 5, done)
    make(town, 3)
    town.put(os.path.join(town.directory, "file3"), *TERM)
    is_there(town, 3)
    town.books("restored")


def unpaid(town):
    """Who does not pay for seven periods loses it."""
    rows = [a for a in unopened(town) if a["state"] == "prepaid"]
    town.jump(max(a["through"] for a in rows) + 8)
    for row in rows:
        wait_for("it is dropped", 60, lambda node=host_of(town, row): node.run(
            "host", "status", wallet=False)["unopened"] == 0)
    status = town.store("status")
    check("what was not paid is gone", not [
        a for a in unopened(town) if a["state"] != "over"], status)


def play(town):
    rows = stored(town)
    restorable(town, "one put", 1)
    paid(town, rows)
    settled_ahead(town)
    killed(town)
    silent(town)
    lost(town)
    restorable(town, "repaired", 1, 2)
    removed(town)
    by_itself(town)
    renewed(town)
    restored(town)
    unpaid(town)


if __name__ == "__main__":
    sys.exit(run("unopened", 79, 120, play))
