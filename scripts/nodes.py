"""nodes.py - seedbank's own programs on the stage: nodes with a home, an
address and perhaps a wallet, the bank they share, and a daemon that seeds."""

import json
import os
import subprocess

import stage
from stage import Failed, wait_for

BIN = os.path.join(stage.TOP, "build", "release")
CHEAPEN = None
COIN = 10**18


def use(directory, cheap_keys=False):
    """The programs to run. `cheap_keys`: wallets that are made are sealed anew,
    so that the many commands of a test do not spend a second each on opening
    theirs."""
    global BIN, CHEAPEN
    BIN = os.path.abspath(directory)
    CHEAPEN = os.path.join(BIN, "tests", "node_cheap_key") if cheap_keys \
        else None


def say(text):
    print("== " + text, flush=True)


class Node:
    """A home directory, an address, and the commands run with them."""

    def __init__(self, directory, name, address, chain=None):
        self.name, self.address = name, address
        self.home = os.path.join(directory, name.replace(" ", "-"))
        self.passphrase = self.home + ".passphrase"
        self.chain = chain
        self.account = self.storage_account = self.phrase = None
        os.makedirs(self.home, mode=0o700)

    def argv(self, *words):
        return [os.path.join(BIN, "seedbank"), "--home", self.home, "--json",
                *words]

    def run(self, *words, wallet=True, stdin=""):
        if wallet and self.account:
            words += ("--passphrase-file", self.passphrase)
        done = subprocess.run(self.argv(*words), capture_output=True, text=True,
                              input=stdin, timeout=120)
        if done.returncode != 0:
            raise Failed("%s: seedbank %s: %s" % (
                self.name, " ".join(words[:2]),
                (done.stderr or done.stdout).strip()))
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def write_passphrase(self):
        with open(self.passphrase, "w") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write("a passphrase of %s\n" % self.name)

    def make_wallet(self):
        self.write_passphrase()
        self.has_wallet(self.run("wallet", "new", "--passphrase-file",
                                 self.passphrase, wallet=False))

    def has_wallet(self, made):
        """What `wallet new` or `import` told: whose node this is now."""
        self.phrase = made.get("recovery_phrase")
        self.account = made["address"]
        self.storage_account = made["storage_address"]
        self.cheapen(made["file"], self.phrase)
        for account in (self.account, self.storage_account):
            self.chain.give_coin(account)

    def cheapen(self, key_file, phrase):
        """See use(); does nothing for those who did not ask for it."""
        if not CHEAPEN:
            return
        done = subprocess.run([CHEAPEN, key_file, self.passphrase],
                              input=(phrase or "") + "\n", text=True,
                              capture_output=True, timeout=120)
        if done.returncode != 0:
            raise Failed("%s: %s" % (self.name, done.stderr.strip()))

    def configure(self, settings=None, **more):
        for name, value in {**(settings or {}), **more}.items():
            self.run("config", name.replace("_", "-"), value, wallet=False)

    def get(self, st, torrent, out, peer, *options):
        return st.spawn(self.name.replace(" ", "-"), self.argv(
            "get", torrent, "--out", out, "--listen", self.address + ":6881",
            "--peer", peer, *options))


def make_bank(chain, seeder, payers, deposit):
    """Wallets, contracts, test tokens and deposits."""
    say("wallets for the seeder and the payers")
    for node in (seeder, *payers):
        node.configure(chain.settings)
        node.make_wallet()
    say("deploying a test token and the bank; the code on chain is compared "
        "with the artifact")
    made = seeder.run("contract", "deploy", "--test-token")
    for node in (seeder, *payers):
        node.configure(bank=made["bank"], token=made["token"])
    for node in payers:
        say("%s: %s test tokens, all deposited in the bank" % (
            node.name, deposit))
        node.run("contract", "mint", deposit)
        node.run("deposit", deposit)
    return made["bank"]


def start_seeder(st, seeder, data, torrent, *options):
    """A daemon with a wallet that seeds `torrent` from the directory `data`."""
    daemon = st.spawn("seedbankd", [
        os.path.join(BIN, "seedbankd"), "--home", seeder.home, "--listen",
        seeder.address + ":6881", "--passphrase-file", seeder.passphrase,
        *options])
    wait_for("seedbankd", 20, lambda: os.path.exists(
        os.path.join(seeder.home, "api.sock")), daemon)
    # with a daemon there, `seed` hands over to it; the daemon goes on when
    # this client ends
    client = st.spawn("seed", seeder.argv("seed", data, "--torrent", torrent))

    def seeding():
        torrents = seeder.run("list", wallet=False)["torrents"]
        return torrents and torrents[0]["state"] == "seeding"
    wait_for("seeding", 60, seeding, daemon, client)
    return daemon
