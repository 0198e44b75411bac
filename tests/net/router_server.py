"""router_server.py - home routers for tests of port mapping, good ones and such
as answer nonsense: PCP and NAT-PMP at one UDP port, UPnP by SSDP and HTTP.

What a router does is a set of words:

    pcp, pmp, upnp   what it speaks
    endless          its UPnP description does not end
    elsewhere        its description says to ask another machine
    nonsense         datagrams of any length instead of answers
    refuses          by PCP and NAT-PMP, at once
"""

import http.server
import os
import re
import socket
import socketserver
import struct
import threading

OUTSIDE = socket.inet_aton("203.0.113.7")
MAPPED = bytes(10) + b"\xff\xff"
GROUP = "239.255.255.250"


class Router:
    def __init__(self, address, *ways):
        self.address = address
        self.ways = set(ways)
        self.mapped = set()  # (protocol, port)
        self.asked = []
        self.web = 0  # bytes of descriptions sent
        self.pcp = self._udp(address, 5351, self._on_pcp)
        self.ssdp = self._udp("", 1900, self._on_search)
        self.ssdp.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
            socket.inet_aton(GROUP) + socket.inet_aton(address))
        router = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                router.describe(self)

            def do_POST(self):
                router.act(self)

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def server_bind(self):
                """Without looking up its own name."""
                socketserver.TCPServer.server_bind(self)
                self.server_name, self.server_port = self.server_address[:2]

            def handle_error(self, *_):
                """Who has had enough closes the connection."""

        self.http = Listener((address, 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.ways.clear()
        self.pcp.close()
        self.ssdp.close()
        self.http.shutdown()
        self.http.server_close()

    @staticmethod
    def _udp(address, port, fn):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))

        def serve():
            while True:
                try:
                    fn(s, *s.recvfrom(4096))
                except OSError:
                    return
        threading.Thread(target=serve, daemon=True).start()
        return s

    def _map(self, protocol, port, life):
        if life:
            self.mapped.add((protocol, port))
        else:
            self.mapped.discard((protocol, port))

    def _on_pcp(self, s, ask, sender):
        self.asked.append(("pcp" if ask[0] == 2 else "pmp", len(ask)))
        if "nonsense" in self.ways:
            for n in (0, 1, 3, 8, 12, 60, 1100, 1400):
                s.sendto(os.urandom(n), sender)
        elif ask[0] == 2 and "refuses" in self.ways:
            s.sendto(b"\2\x81\0\2" + ask[4:8] + struct.pack(">I", 9) +
                     bytes(12) + ask[24:60], sender)
        elif "refuses" in self.ways:
            s.sendto(b"\0\x80\0\2" + struct.pack(">I", 9), sender)
        elif ask[0] == 2 and "pcp" in self.ways:
            life = struct.unpack(">I", ask[4:8])[0]
            self._map({6: "TCP", 17: "UDP"}[ask[36]],
                      struct.unpack(">H", ask[40:42])[0], life)
            s.sendto(b"\2\x81\0\0" + ask[4:8] + struct.pack(">I", 9) +
                     bytes(12) + ask[24:44] + MAPPED + OUTSIDE, sender)
        elif ask[0] == 2 and "pmp" in self.ways:
            s.sendto(b"\0\x81\0\1" + struct.pack(">I", 9), sender)
        elif ask[0] == 0 and "pmp" in self.ways:
            head = bytes([0, ask[1] | 0x80, 0, 0]) + struct.pack(">I", 9)
            if ask[1] == 0:
                s.sendto(head + OUTSIDE, sender)
                return
            self._map("UDP" if ask[1] == 1 else "TCP",
                      struct.unpack(">H", ask[4:6])[0],
                      struct.unpack(">I", ask[8:12])[0])
            s.sendto(head + ask[4:12], sender)

    def _on_search(self, s, ask, sender):
        self.asked.append(("search", len(ask)))
        if "upnp" not in self.ways or b"InternetGatewayDevice:1" not in ask:
            return
        host = "127.0.0.1" if "elsewhere" in self.ways else self.address
        s.sendto(("HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:"
                  "InternetGatewayDevice:1\r\nLOCATION: http://%s:%d/d.xml"
                  "\r\n\r\n" % (host, self.http.server_address[1])).encode(),
                 sender)

    def describe(self, request):
        self.asked.append(("describe", 0))
        body = ("<?xml version=\"1.0\"?><root><device><serviceList><service>"
                "<serviceType>urn:schemas-upnp-org:service:WANIPConnection:1"
                "</serviceType><controlURL>/ctl</controlURL></service>"
                "</serviceList></device></root>").encode()
        request.send_response(200)
        if "endless" not in self.ways:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        while True:
            request.wfile.write(body)
            self.web += len(body)
            if "endless" not in self.ways:
                return

    def act(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        action = request.headers["SOAPAction"].strip('"').partition("#")[2]
        self.asked.append((action, 0))
        fields = dict(re.findall(r"<(New\w+)>([^<]*)<", body.decode()))
        if action != "GetExternalIPAddress":
            self._map(fields["NewProtocol"], int(fields["NewExternalPort"]),
                      action == "AddPortMapping")
        answer = b"<NewExternalIPAddress>203.0.113.7</NewExternalIPAddress>"
        request.send_response(200)
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)
