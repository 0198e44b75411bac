"""web_server.py - web servers for tests of web seeds: good ones, and such as a
torrent may meet.

A Server serves the files below a directory with ranges and kept connections,
and writes down what it was asked. `ways` are what else it may do:

    whole       it knows no ranges: 200 and all of the file
    lies        one byte of each answer is wrong
    hangs       it takes the request and says nothing
    stops       half of what it promised, then the end of the connection
    busy        503 with a Retry-After, the first time
    gone        404 for all
    other       the file is longer there
    elsewhere   a Content-Range of another part
    redirects   to /there/..., which is the same
"""

import http.server
import os
import re
import socketserver
import threading
import urllib.parse

import stage


class Server:
    def __init__(self, address, directory, *ways, lacks=()):
        self.directory = directory
        self.ways = set(ways)
        self.lacks = set(lacks)
        self.asked = []  # (path, range)
        self.connections = 0
        self.sent = 0
        self.end = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                outer.connections += 1
                super().setup()

            def do_GET(self):
                outer.answer(self)

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

            address_family = stage.family(address)

        self.listener = Listener((address, 0), Handler)
        self.url = "http://%s/" % stage.endpoint(
            address, self.listener.server_address[1])
        threading.Thread(target=self.listener.serve_forever,
                         daemon=True).start()

    def close(self):
        self.end.set()
        self.listener.shutdown()
        self.listener.server_close()

    def answer(self, request):
        path = urllib.parse.unquote(request.path)
        wanted = request.headers.get("Range", "")
        self.asked.append((path, wanted))
        if "hangs" in self.ways:
            self.end.wait()
            return
        if "busy" in self.ways:
            self.ways.remove("busy")
            self._short(request, 503, {"Retry-After": "1"})
            return
        if "redirects" in self.ways and not path.startswith("/there/"):
            self._short(request, 302, {"Location": "/there" + request.path})
            return
        path = path.removeprefix("/there")
        file = os.path.normpath(self.directory + path)
        if "gone" in self.ways or path in self.lacks or \
                not file.startswith(self.directory) or \
                not os.path.isfile(file):
            self._short(request, 404, {})
            return
        self._send(request, file, wanted)

    @staticmethod
    def _short(request, status, headers):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"no")

    def _send(self, request, file, wanted):
        size = os.path.getsize(file) + ("other" in self.ways)
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)
        first, last = 0, size - 1
        if span and "whole" not in self.ways:
            first, last = int(span[1]), min(int(span[2]), size - 1)
            shift = "elsewhere" in self.ways
            request.send_response(206)
            request.send_header("Content-Range", "bytes %d-%d/%d" % (
                first + shift, last + shift, size))
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(last - first + 1))
        request.end_headers()
        with open(file, "rb") as f:
            f.seek(first)
            data = bytearray(f.read(last - first + 1))
        if "lies" in self.ways:
            data[len(data) // 2] ^= 1
        if "stops" in self.ways:
            del data[len(data) // 2:]
            request.close_connection = True
        try:
            request.wfile.write(data)
            self.sent += len(data)
        except OSError:
            pass  # it has had enough
