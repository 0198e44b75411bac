"""lt_line.py LISTEN-IP:PORT DIR TORRENT PEER-IP:PORT|"" tcp|utp - libtorrent with
one torrent, nothing but peers that are named, by TCP or uTP alone. Without a peer
it seeds until SIGTERM; with one it ends when it has everything."""

import signal
import sys
import time

import libtorrent as lt

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
listen, directory, torrent, peer, way = sys.argv[1:]
other = "tcp" if way == "utp" else "utp"
off = ("enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp",
       "enable_incoming_" + other, "enable_outgoing_" + other)
s = lt.session(dict({name: False for name in off}, listen_interfaces=listen,
                    allow_multiple_connections_per_ip=True))
p = lt.add_torrent_params()
p.ti = lt.torrent_info(torrent)
p.save_path = directory
p.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
h = s.add_torrent(p)
if peer:
    host, _, port = peer.rpartition(":")
    while str(h.status().state).startswith("checking"):
        time.sleep(0.02)
    h.connect_peer((host, int(port)))
while not peer or not h.status().is_seeding:
    time.sleep(0.05)
h.flush_cache()
while not any(isinstance(a, lt.cache_flushed_alert) for a in s.pop_alerts()):
    time.sleep(0.02)
