"""proxy.py - between a node of seedbank and a node of its chain: passes on what
it is asked, but for what a test wants to go wrong.

It knows HTTP and JSON only. A rule says which requests it is about, how many of
those pass before and how many are struck, and an act says what happens to one.
Nothing is left to chance: a storm's acts follow from its seed and from how
often a thing was asked, whatever the threads do. What is late waits for other
requests, and for time only where none comes. Standard library only.
"""

import http.client
import http.server
import json
import random
import socket
import threading
import time
import urllib.parse

import stage

PATIENCE_S = 1  # where the program waits for the very answer that is held back


class Ask:
    """One request on its way: `words` is what it asks for, methods of JSON-RPC
    or the end of a path."""

    def __init__(self, proxy, path, body):
        self.proxy, self.path, self.body = proxy, path, body
        try:
            self.json = json.loads(body or b"null")
        except ValueError:
            self.json = None
        calls = self.json if isinstance(self.json, list) else [self.json]
        methods = [c["method"] for c in calls
                   if isinstance(c, dict) and "method" in c]
        self.words = methods or [path.strip("/")]

    def forward(self):
        """What the chain's node says: status, body."""
        return self.proxy.forward(self.path, self.body)


class Rule:
    def __init__(self, about, act, after, times):
        self.about, self.act = about, act
        self.after, self.times = after, times
        self.struck = 0

    def strikes(self, ask):
        if self.times == 0 or not any(self.about(w) for w in ask.words):
            return False
        if self.after:
            self.after -= 1
            return False
        if self.times:
            self.times -= 1
        self.struck += 1
        return True


class Proxy:
    """A URL that stands for the chain's node at `upstream`."""

    def __init__(self, address, upstream):
        self.upstream = urllib.parse.urlsplit(upstream)
        self.address, self.port = address, stage.free_port(address)
        self.name = "%s:%d" % (address, self.port)
        self.url = "http://" + self.name
        self.lock = threading.Condition()
        self.rules, self.header = [], None
        self.asked = {}  # word -> how often
        self.passed = 0  # answered, of all
        self.inside, self.touched = 0, time.monotonic()
        self.server = None
        self.start()

    # --- the node behind it ---

    def forward(self, path, body):
        link = http.client.HTTPConnection(self.upstream.hostname,
                                          self.upstream.port, timeout=60)
        try:
            link.request("POST", path, body,
                         {"Content-Type": "application/json"})
            answer = link.getresponse()
            return answer.status, answer.read()
        finally:
            link.close()

    # --- what a test says ---

    def rule(self, about, act, after=0, times=None):
        """`about`: a word, or a function of one. times: None for all."""
        matches = about if callable(about) else lambda word: word == about
        with self.lock:
            made = Rule(matches, act, after, -1 if times is None else times)
            self.rules.append(made)
        return made

    def quiet_s(self):
        """Since when it was asked nothing."""
        with self.lock:
            return 0 if self.inside else time.monotonic() - self.touched

    def heal(self):
        with self.lock:
            self.rules.clear()
            self.lock.notify_all()

    def count(self, word):
        with self.lock:
            return self.asked.get(word, 0)

    def need_header(self, line):
        """Refuses what comes without it, as a provider does."""
        self.header = tuple(line.split(": ", 1))

    def wait_passed(self, more):
        """Until so many others have been answered, or all is well again."""
        with self.lock:
            until = self.passed + more
            self.lock.wait_for(lambda: self.passed >= until or not self.rules,
                               PATIENCE_S)

    # --- a node that goes away and comes back ---

    def start(self):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                proxy._serve(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64
            links = set()

            def process_request(self, request, client):
                self.links.add(request)
                super().process_request(request, client)

            def shutdown_request(self, request):
                self.links.discard(request)
                super().shutdown_request(request)

            def handle_error(self, *_):
                pass  # whoever asked was killed, or the node was

        self.server = Server((self.address, self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,),
                         daemon=True).start()

    def stop(self):
        """All connections end, and none is taken."""
        self.server.shutdown()
        self.server.server_close()
        for link in list(self.server.links):
            try:
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # ended by itself

    # --- one request ---

    def _rule_for(self, ask):
        with self.lock:
            for word in set(ask.words):
                self.asked[word] = self.asked.get(word, 0) + 1
            return next((r for r in self.rules if r.strikes(ask)), None)

    def _serve(self, request):
        with self.lock:
            self.inside += 1
        try:
            self._answer(request)
        finally:
            with self.lock:
                self.inside -= 1
                self.touched = time.monotonic()

    def _answer(self, request):
        size = int(request.headers.get("Content-Length", 0))
        ask = Ask(self, request.path, request.rfile.read(size))
        rule = self._rule_for(ask)
        if self.header and request.headers.get(self.header[0]) != \
                self.header[1]:
            out = 401, b'{"error":"no key"}'
        else:
            out = rule.act(ask) if rule else ask.forward()
        with self.lock:
            self.passed += 1
            self.lock.notify_all()
        if out is None:
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        status, body = out[:2]
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if len(out) > 2:  # only so much of it
            body = body[:out[2]]
            request.close_connection = True
        request.wfile.write(body)


# --- acts: of one Ask; (status, body), or None: the connection ends -----------

def drop_request(_ask):
    return None


def drop_answer(ask):
    """The chain took it, and nobody is told."""
    ask.forward()
    return None


def twice(ask):
    """As a network that repeats; what is answered is the second answer."""
    ask.forward()
    return ask.forward()


def half(ask):
    status, body = ask.forward()
    return status, body, len(body) // 2


def says(status, body=b"{}"):
    return lambda _ask: (status, body)


def late(others):
    """Passed on only after so many other requests were answered."""
    def act(ask):
        ask.proxy.wait_passed(others)
        return ask.forward()
    return act


def late_answer(others):
    def act(ask):
        out = ask.forward()
        ask.proxy.wait_passed(others)
        return out
    return act


def then(what):
    """Done once the chain has answered, before the answer is passed on."""
    def act(ask):
        out = ask.forward()
        what()
        return out
    return act


def told(when, what):
    """what() is done as soon as when(answer) holds."""
    def act(ask):
        status, body = ask.forward()
        if when(json.loads(body)):
            what()
        return status, body
    return act


def lie(change):
    """change(ask, answer) gives what is said in place of the node's answer."""
    def act(ask):
        status, body = ask.forward()
        return status, json.dumps(change(ask, json.loads(body))).encode()
    return act


# --- a storm ------------------------------------------------------------------

WEATHER = [drop_request, drop_answer, twice, half, says(503, b"busy"),
           says(200, b"<html>not here</html>"), late(2), late_answer(2)]


def storm(proxy, seed, share):
    """One request of `share` meets one of the WEATHER, by seed and by how often
    its like was asked."""
    def act(ask):
        key = "%s %s %d" % (seed, ask.words[-1], proxy.count(ask.words[-1]))
        chance = random.Random(key)
        if chance.random() * share >= 1:
            return ask.forward()
        return chance.choice(WEATHER)(ask)
    return proxy.rule(lambda _word: True, act)
