"""stage.py - what the demo and the benches put on stage: a network of its own,
a tracker, a chain, and processes that are gone when the script is.

Standard library only. Nothing here is part of seedbank itself.
"""

import collections
import contextlib
import ctypes
import hashlib
import http.server
import json
import os
import random
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# nothing that runs on a stage asks the DHT's bootstrap hosts outside
os.environ.setdefault("SEEDBANK_DHT_BOOTSTRAP", "none")
KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


class Failed(Exception):
    """Ends the script with one line."""


# --- a place to work ----------------------------------------------------------

@contextlib.contextmanager
def workplace(name, keep):
    """A directory that is gone at the end, or kept. Of a script that Failed the
    ends of the logs in its `log` are shown."""
    directory = os.path.realpath(tempfile.mkdtemp(prefix=name + "."))
    try:
        yield directory
    except Failed:
        show_logs(os.path.join(directory, "log"))
        raise
    finally:
        if keep:
            print("kept: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)


def show_logs(directory):
    """The last lines of the logs that were written last."""
    if not os.path.isdir(directory):
        return
    logs = [os.path.join(directory, name) for name in os.listdir(directory)]
    for log in sorted(logs, key=os.path.getmtime)[-4:]:
        with open(log, errors="replace") as f:
            lines = f.read().splitlines()[-15:]
        print("--- %s\n%s" % (os.path.basename(log), "\n".join(lines)),
              file=sys.stderr)


# --- a network of our own -----------------------------------------------------

def enter_namespace(addresses):
    """Starts this script again in a network namespace that has `addresses` on
    its loopback device. Returns their list; where neither root nor a user
    namespace may make one, as many addresses of 127.0.0.0/8 (of IPv6 there is
    ::1 alone), and False.

    Loopback alone would do for seedbank, but transmission refuses 127.x."""
    if os.environ.get("SEEDBANK_STAGE") == "in":
        furnish(addresses)
        return addresses, True
    flags = ["-n"] if os.geteuid() == 0 else ["-U", "-r", "-n"]
    probe = ["unshare", *flags, "sh", "-c",
             "ip link set lo up && ip addr add 10.77.0.9/24 dev lo"]
    if (not shutil.which("ip") or not shutil.which("unshare") or
            subprocess.run(probe, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL).returncode != 0):
        return ["::1" if is_ipv6(a) else "127.0.0.%d" % (i + 1)
                for i, a in enumerate(addresses)], False
    os.environ["SEEDBANK_STAGE"] = "in"
    sys.stdout.flush()
    os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.argv])


def furnish(addresses, device="lo"):
    """The device is up and has these addresses, but for those of IPv6 where there
    is none."""
    subprocess.run(["ip", "link", "set", device, "up"], check=True)
    add = "addr add %s dev " + device + "\n"
    subprocess.run(["ip", "-batch", "-"], check=True, text=True, input="".join(
        add % (a + "/64 nodad" if is_ipv6(a) else a + "/24")
        for a in addresses if not is_ipv6(a) or has_ipv6()))


def is_ipv6(address):
    return ":" in address


def has_ipv6():
    """Some containers and kernels have none."""
    try:
        free_port("::1")
    except OSError:
        return False
    return True


def family(address):
    return socket.AF_INET6 if is_ipv6(address) else socket.AF_INET


def endpoint(address, port):
    return ("[%s]:%d" if is_ipv6(address) else "%s:%d") % (address, port)


def free_port(address):
    with socket.socket(family(address)) as s:
        s.bind((address, 0))
        return s.getsockname()[1]


_net = None


def own_net():
    """"127.x.": a part of 127.0.0.0/8 that no other script on this machine uses
    while this one runs. Hosts of a test each take a /24 of it."""
    global _net
    while _net is None:
        prefix = "127.%d." % random.randint(2, 254)
        holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            holder.bind((prefix + "255.254", 6881))
            _net = prefix, holder  # held until the script ends
        except OSError:
            holder.close()
    return _net[0]


# --- processes ----------------------------------------------------------------

_prctl = ctypes.CDLL(None).prctl
PR_SET_PDEATHSIG = 1


def _die_with_parent():
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def cpu_seconds(pid):
    """User and system time of a live process with all its threads, in
    nanosecond resolution: its CPU clock (see clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


class Process:
    def __init__(self, name, argv, log, env=None, cwd=None, stdin=None,
                 stdout=None):
        self.name = name
        self.log = log
        with open(log, "ab") as f:
            self.popen = subprocess.Popen(
                argv, stdin=stdin or subprocess.DEVNULL, stdout=stdout or f,
                stderr=f, env=env, cwd=cwd, preexec_fn=_die_with_parent)
        self.pid = self.popen.pid
        self.usage = None
        self.status = None

    def poll(self):
        """Exit status, or None while it runs. wait4 gives us its rusage, which
        Popen would drop."""
        if self.status is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._ended(status, usage)
        return self.status

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > end:
                raise Failed("%s did not end within %d s (%s)" %
                             (self.name, seconds, self.log))
            time.sleep(0.005)
        return self.status

    def _ended(self, status, usage):
        self.status = self.popen.returncode = os.waitstatus_to_exitcode(status)
        self.usage = usage

    def cpu_total(self):
        return self.usage.ru_utime + self.usage.ru_stime

    def memory_kib(self, field):
        with open("/proc/%d/status" % self.pid) as f:
            for line in f:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise Failed("no %s of %s" % (field, self.name))

    def stop(self, seconds=10):
        if self.poll() is not None:
            return self.status
        os.kill(self.pid, signal.SIGTERM)
        end = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait(10)
        return self.status


class Stage:
    """Processes and their logs; leaving the `with` ends them, last first."""

    def __init__(self, directory):
        self.directory = directory
        self.processes = []
        os.makedirs(directory, exist_ok=True)

    def __enter__(self):
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, self._interrupted)
        return self

    def __exit__(self, *_):
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, signal.SIG_IGN)
        for p in reversed(self.processes):
            p.stop()

    @staticmethod
    def _interrupted(number, _frame):
        raise Failed("interrupted (%s)" % signal.Signals(number).name)

    def spawn(self, name, argv, **kw):
        p = Process(name, argv, os.path.join(self.directory, name + ".log"),
                    **kw)
        self.processes.append(p)
        return p

    def forget(self, process):
        process.stop()
        self.processes.remove(process)


def wait_for(what, seconds, check, *alive, every=0.02):
    """Polls until check() is true; a process in `alive` that ends meanwhile
    ends the waiting too."""
    end = time.monotonic() + seconds
    while True:
        result = check()
        if result:
            return result
        for p in alive:
            if p.poll() is not None:
                raise Failed("%s ended with %s while waiting for %s (%s)" %
                             (p.name, p.status, what, p.log))
        if time.monotonic() > end:
            raise Failed("no %s within %d s" % (what, seconds))
        time.sleep(every)


def accepts(address, port):
    with socket.socket(family(address)) as s:
        s.settimeout(1)
        return s.connect_ex((address, port)) == 0


# --- torrents and a tracker ---------------------------------------------------

def bencode(v):
    if isinstance(v, int):
        return b"i%de" % v
    if isinstance(v, str):
        v = v.encode()
    if isinstance(v, bytes):
        return b"%d:%s" % (len(v), v)
    if isinstance(v, list):
        return b"l" + b"".join(map(bencode, v)) + b"e"
    return b"d" + b"".join(
        bencode(k) + bencode(v[k]) for k in sorted(v)) + b"e"


def make_torrent(path, out, piece_length=MIB, announce=None):
    """A v1 torrent of one file."""
    pieces = []
    with open(path, "rb") as f:
        while piece := f.read(piece_length):
            pieces.append(hashlib.sha1(piece).digest())
    torrent = {"info": {
        "length": os.path.getsize(path), "name": os.path.basename(path),
        "piece length": piece_length, "pieces": b"".join(pieces)}}
    if announce:
        torrent["announce"] = announce
    with open(out, "wb") as f:
        f.write(bencode(torrent))
    return hashlib.sha1(bencode(torrent["info"])).hexdigest()


class Tracker:
    """Answers announces with everybody else who announced, in compact lists
    (BEP 23 and 7). Nothing expires: it lives for one run."""

    def __init__(self, address):
        tracker = self
        self.peers = {}  # info hash -> {(ip, port): left}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                tracker._answer(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            address_family = family(address)

            def server_bind(self):
                """Without looking up its own name, which takes ten seconds where
                a name server is asked in vain."""
                socketserver.TCPServer.server_bind(self)
                self.server_name, self.server_port = self.server_address[:2]

        self.server = Server((address, 0), Handler)
        self.url = "http://%s/announce" % endpoint(address,
                                                   self.server.server_port)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _answer(self, request):
        url = urllib.parse.urlsplit(request.path)
        if not url.path.endswith("/announce"):  # transmission asks to scrape
            request.send_error(404)
            return
        query = urllib.parse.parse_qs(url.query, encoding="latin-1")
        swarm = self.peers.setdefault(query["info_hash"][0], {})
        # the address that was announced wins: peers in one namespace all
        # come from the same one
        me = (query.get("ip", [request.client_address[0]])[0],
              int(query["port"][0]))
        others = {False: b"", True: b""}  # by is_ipv6()
        for ip, port in self.others(query["info_hash"][0], me):
            others[is_ipv6(ip)] += socket.inet_pton(family(ip), ip) + \
                struct.pack(">H", port)
        if query.get("event") == ["stopped"]:
            swarm.pop(me, None)
        else:
            swarm[me] = int(query.get("left", ["0"])[0])
        body = bencode({"interval": 60, "min interval": 5,
                        "peers": others[False], "peers6": others[True]})
        self.send(request, body)

    def send(self, request, body, **headers):
        request.send_response(200)
        request.send_header("Content-Type", "text/plain")
        request.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    def others(self, info_hash, me):
        """[(ip, port)]: whom `me` is told of."""
        return [peer for peer in list(self.peers[info_hash]) if peer != me]

    def know(self, info_hash_hex, address, port):
        self.peers.setdefault(bytes.fromhex(info_hash_hex).decode("latin-1"),
                              {})[(address, port)] = 0


# --- a chain ------------------------------------------------------------------

# A call of a contract that is in a block: units are gas or energy, data is hex.
Call = collections.namedtuple("Call", "block to data good units logs")
Log = collections.namedtuple("Log", "block address topics data")


def anvil_program():
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)
    path = "%s/contracts-abi/node_modules/@foundry-rs/anvil-linux-%s/bin/anvil" \
        % (TOP, arch)
    if not os.access(path, os.X_OK):
        raise Failed("anvil is not there: run scripts/setup demo")
    return path


# States that a chain remembers. Without it anvil writes each block's to the
# user's home directory: gigabytes where a test moves on by thousands of blocks.
HISTORY = "64"


class Chain:
    """anvil. tron.py has the same for TRON, but for call()."""

    unit = "gas"

    def __init__(self, stage, address, *options):
        self.port = free_port(address)
        self.url = "http://%s:%d" % (address, self.port)
        self.settings = {"rpc": self.url}  # of a node that is to use it
        # no proxy, whatever the environment says: this is our own machine
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}))
        self.process = stage.spawn(
            "anvil", [anvil_program(), "--host", address, "--port",
                      str(self.port), "--prune-history", HISTORY, *options])
        wait_for("answer from anvil", 30,
                 lambda: accepts(address, self.port), self.process)

    def call(self, method, *params):
        request = urllib.request.Request(
            self.url, json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                                  "params": params}).encode(),
            {"Content-Type": "application/json"})
        with self.opener.open(request, timeout=30) as answer:
            out = json.load(answer)
        if "error" in out:
            raise Failed("%s: %s" % (method, out["error"].get("message")))
        return out["result"]

    # --- what all chains do ---

    def give_coin(self, account):
        """For fees; on a real chain one buys it."""
        self.call("anvil_setBalance", account, hex(10**19))

    def height(self):
        return int(self.call("eth_blockNumber"), 16)

    def pass_blocks(self, count):
        self.call("anvil_mine", hex(count))

    def key(self, account):
        """An account as contracts know it: 0x and 20 bytes, small letters."""
        return account.lower()

    def hash(self, text):
        return self.call("web3_sha3", "0x" + text.encode().hex())

    def view(self, to, data):
        """What a function that changes nothing returns."""
        return bytes.fromhex(self.call("eth_call", {"to": to, "data": data},
                                       "latest")[2:])

    def calls(self, to, after=0):
        """All calls of a contract since block `after`."""
        found = []
        for n in range(after + 1, self.height() + 1):
            block = self.call("eth_getBlockByNumber", hex(n), True)
            for tx in block["transactions"]:
                if (tx["to"] or "").lower() != to.lower():
                    continue
                r = self.call("eth_getTransactionReceipt", tx["hash"])
                found.append(Call(n, tx["to"].lower(), tx["input"],
                                  r["status"] == "0x1", int(r["gasUsed"], 16),
                                  [self._log(log) for log in r["logs"]]))
        return found

    def logs(self, address, topics):
        """A contract's events that begin with these topics."""
        return [self._log(log) for log in self.call("eth_getLogs", {
            "fromBlock": "0x0", "toBlock": "latest", "address": address,
            "topics": topics})]

    def send(self, to, data):
        """A call by a passer-by, in the next block; false: it failed."""
        sent = self.call("eth_sendTransaction", {
            "from": self.call("eth_accounts")[0], "to": to, "data": data})
        self.pass_blocks(1)
        receipt = self.call("eth_getTransactionReceipt", sent)
        return bool(receipt) and receipt["status"] == "0x1"

    @staticmethod
    def _log(log):
        return Log(int(log["blockNumber"], 16), log["address"].lower(),
                   log["topics"], bytes.fromhex(log["data"][2:]))


# --- files --------------------------------------------------------------------

def make_file(path, size):
    """Random bytes, made 1 MiB at a time; the same size is made only once."""
    if os.path.exists(path) and os.path.getsize(path) == size:
        return
    with open(path, "wb") as f:
        left = size
        while left:
            n = min(left, MIB)
            f.write(os.urandom(n))
            left -= n


def warm_memory(directory, size):
    """Touches `size` bytes of memory until that costs no more than
    before. In a virtual machine the first touch of a page is made by the host
    and charged to us (measured: five times the cost of a write to tmpfs), and it
    would fall on whoever comes first."""
    path = os.path.join(directory, "warm")
    block = bytes(MIB)
    last = None
    for _ in range(6):
        before = time.process_time()
        with open(path, "wb", buffering=0) as f:
            for _ in range(size // MIB):
                f.write(block)
        took = time.process_time() - before
        os.unlink(path)
        if last and took > 0.85 * last:
            return
        last = took


def same(a, b):
    return subprocess.run(["cmp", "-s", a, b]).returncode == 0
