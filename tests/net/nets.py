"""nets.py - networks of a test's own: namespaces joined by pairs of virtual
devices, sockets of this script in any of them, and a count of what leaves.

The script itself must be in a namespace of its own (stage.enter_namespace).
"""

import ctypes
import os
import shutil
import socket
import struct
import subprocess
import threading

import stage

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
ETH_P_IP = 0x0800
ETH_P_IPV6 = 0x86dd
_libc = ctypes.CDLL(None, use_errno=True)


def run(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def available():
    """Can another namespace be made here, and joined with this one?"""
    if not shutil.which("nsenter"):
        return False
    try:
        with Net():
            return True
    except (subprocess.CalledProcessError, OSError):
        return False


def leave():
    """This process is in a new namespace from now on, which has nothing yet."""
    if _libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


class Net:
    """A network namespace. `with net:` makes the sockets of this thread (and of
    threads that it starts) its own."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", "echo; exec sleep 100000"],
            stdout=subprocess.PIPE, preexec_fn=stage._die_with_parent)
        if not self.holder.stdout.readline():
            raise OSError("no network namespace")
        self.fd = os.open("/proc/%d/ns/net" % self.holder.pid, os.O_RDONLY)
        self.outside = []
        self.sh("ip", "link", "set", "lo", "up")

    def close(self):
        os.close(self.fd)
        self.holder.kill()
        self.holder.wait()

    def prefix(self):
        """What stands before a command that is to run in it."""
        return ["nsenter", "-n", "-t", str(self.holder.pid), "--"]

    def sh(self, *argv):
        run(*self.prefix(), *argv)

    def __enter__(self):
        self.outside.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        self._set(self.fd)
        return self

    def __exit__(self, *_):
        fd = self.outside.pop()
        self._set(fd)
        os.close(fd)

    @staticmethod
    def _set(fd):
        if _libc.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def join(net, name, here, there):
    """A pair of devices: `name` here with address/prefix `here`, eth0 in `net`
    with `there`. Both may be lists."""
    run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0",
        "netns", str(net.holder.pid))
    for a in [here] if isinstance(here, str) else here:
        run("ip", "addr", "add", a, "dev", name,
            *(["nodad"] if ":" in a else []))
    for a in [there] if isinstance(there, str) else there:
        net.sh("ip", "addr", "add", a, "dev", "eth0",
               *(["nodad"] if ":" in a else []))
    run("ip", "link", "set", name, "up")
    net.sh("ip", "link", "set", "eth0", "up")


class Watch:
    """Everything that leaves by a device: (protocol, address, port) each time.
    Of IPv6 neither neighbour discovery nor other ICMP, which the kernel sends
    by itself; of IPv4 all."""

    def __init__(self, device):
        self.seen = []
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                    socket.htons(ETH_P_ALL))
        self.socket.bind((device, ETH_P_ALL))
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self):
        self.socket.close()

    def _watch(self):
        while True:
            try:
                packet, where = self.socket.recvfrom(2048)
            except OSError:
                return
            if where[2] == socket.PACKET_OUTGOING:
                self._note(packet, where[1])

    def _note(self, p, protocol):
        if protocol == ETH_P_IP and len(p) >= 20:
            head = (p[0] & 15) * 4
            kind, to = p[9], socket.inet_ntop(socket.AF_INET, p[16:20])
        elif protocol == ETH_P_IPV6 and len(p) >= 40:
            head, kind = 40, p[6]
            to = socket.inet_ntop(socket.AF_INET6, p[24:40])
            if kind not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
                return
        else:
            return
        port = 0
        if kind in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) and \
                len(p) >= head + 4:
            port = struct.unpack(">H", p[head + 2:head + 4])[0]
        self.seen.append((kind, to, port))

    def others_than(self, address, ports):
        return [s for s in self.seen if s[1] != address or s[2] not in ports]
