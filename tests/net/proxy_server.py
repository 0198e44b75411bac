"""proxy_server.py - a SOCKS5 and HTTP proxy for tests, that writes down what it
was asked for.

It listens where it is made, and connects from there. Names are those that it is
told; it looks none up.
"""

import base64
import socket
import struct
import threading


def pump(a, b):
    """Until one of the two ends."""
    def one(x, y):
        try:
            while data := x.recv(65536):
                y.sendall(data)
        except OSError:
            pass
        for s in (x, y):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    t = threading.Thread(target=one, args=(a, b), daemon=True)
    t.start()
    one(b, a)
    t.join()
    a.close()
    b.close()


class Proxy:
    def __init__(self, address, names=None, password=None, udp=True):
        self.address = address
        self.names = names or {}
        self.password = password  # "user:password"
        self.udp = udp
        self.asked = []  # (what, host, port)
        self.relayed = 0
        self.relay_ports = set()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, 0))
        self.listener.listen(100)
        self.port = self.listener.getsockname()[1]
        self.open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, kind):
        who = self.password + "@" if self.password else ""
        return "%s://%s%s:%d" % (kind, who, self.address, self.port)

    def close(self):
        self.listener.close()
        for s in self.open:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(s)
            threading.Thread(target=self._serve, args=(s,),
                             daemon=True).start()

    def _serve(self, s):
        try:
            first = s.recv(1, socket.MSG_PEEK)
            if first == b"\x05":
                self._socks(s)
            elif first:
                self._http(s)
        except (OSError, ValueError, EOFError):
            pass
        finally:
            s.close()

    @staticmethod
    def _read(s, n):
        data = b""
        while len(data) < n:
            more = s.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def _connect(self, what, host, port):
        self.asked.append((what, host, port))
        return socket.create_connection((self.names.get(host, host), port), 10)

    # --- SOCKS5 ---

    def _socks(self, s):
        _, n = self._read(s, 2)
        methods = self._read(s, n)
        if self.password:
            if 2 not in methods:
                s.sendall(b"\x05\xff")
                return
            s.sendall(b"\x05\x02")
            _, n = self._read(s, 2)
            user = self._read(s, n).decode()
            word = self._read(s, self._read(s, 1)[0]).decode()
            if user + ":" + word != self.password:
                s.sendall(b"\x01\x01")
                return
            s.sendall(b"\x01\x00")
        else:
            s.sendall(b"\x05\x00")
        _, command, _, kind = self._read(s, 4)
        if kind == 1:
            host = socket.inet_ntop(socket.AF_INET, self._read(s, 4))
        elif kind == 4:
            host = socket.inet_ntop(socket.AF_INET6, self._read(s, 16))
        else:
            host = self._read(s, self._read(s, 1)[0]).decode()
        port = struct.unpack(">H", self._read(s, 2))[0]
        if command == 3 and self.udp:
            self._relay(s)
            return
        if command != 1:
            s.sendall(b"\x05\x07\x00\x01" + bytes(6))
            return
        try:
            there = self._connect("connect", host, port)
        except OSError:
            s.sendall(b"\x05\x05\x00\x01" + bytes(6))
            return
        s.sendall(b"\x05\x00\x00\x01" + bytes(6))
        pump(s, there)

    def _relay(self, s):
        """Until the connection ends."""
        self.asked.append(("udp", "", 0))
        inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        inside.bind((self.address, 0))
        outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        outside.bind((self.address, 0))
        self.relay_ports.add(inside.getsockname()[1])
        client = []

        def out():
            while True:
                try:
                    data, client[:] = inside.recvfrom(65536)
                except OSError:
                    return
                if data[:4] != b"\0\0\0\x01":
                    continue
                to = (socket.inet_ntoa(data[4:8]),
                      struct.unpack(">H", data[8:10])[0])
                self.asked.append(("datagram", *to))
                self.relayed += 1
                outside.sendto(data[10:], to)

        def back():
            while True:
                try:
                    data, sender = outside.recvfrom(65536)
                except OSError:
                    return
                if client:
                    inside.sendto(b"\0\0\0\x01" + socket.inet_aton(sender[0]) +
                                  struct.pack(">H", sender[1]) + data,
                                  tuple(client))

        for f in (out, back):
            threading.Thread(target=f, daemon=True).start()
        s.sendall(b"\x05\x00\x00\x01" + socket.inet_aton(self.address) +
                  struct.pack(">H", inside.getsockname()[1]))
        while s.recv(100):
            pass
        inside.close()
        outside.close()

    # --- HTTP ---

    def _http(self, s):
        head = b""
        while b"\r\n\r\n" not in head:
            more = s.recv(1)
            if not more:
                raise EOFError
            head += more
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        if self.password:
            want = "Proxy-Authorization: Basic " + base64.b64encode(
                self.password.encode()).decode()
            if want not in lines:
                s.sendall(b"HTTP/1.1 407 who\r\nContent-Length: 0\r\n\r\n")
                return
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            try:
                there = self._connect("connect", host.strip("[]"), int(port))
            except OSError:
                s.sendall(b"HTTP/1.1 502 no\r\n\r\n")
                return
            s.sendall(b"HTTP/1.1 200 here\r\n\r\n")
        else:
            host, slash, path = target.removeprefix("http://").partition("/")
            host, _, port = host.partition(":")
            there = self._connect("get", host, int(port or 80))
            rest = [line for line in lines[1:-2]
                    if not line.startswith("Proxy-")]
            there.sendall("\r\n".join([
                "%s %s HTTP/1.1" % (method, slash + path), *rest,
                "Connection: close", "", ""]).encode("latin-1"))
        pump(s, there)
