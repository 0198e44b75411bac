"""lt_peer.py seed|leech TORRENT|LINK DIR IP:PORT [PEER-IP:PORT] - libtorrent as a
bare peer for the benches: plaintext TCP, no DHT, no PEX, no LSD, no uTP.

Says "ready" on stdout: a seeder once everything is checked (so that no piece is
hashed again while it is measured, as seed_mode would), a leecher before it adds
the torrent. A leecher then waits for one line on stdin, and ends when it has
all and all is on disk. A seeder ends on SIGTERM. The environment's LT_SETTINGS,
JSON, are settings besides.
"""

import json
import os
import signal
import sys

import libtorrent as lt


def session(listen):
    off = ("enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp",
           "enable_incoming_utp", "enable_outgoing_utp")
    settings = {name: False for name in off}
    settings.update({
        "listen_interfaces": listen,
        "outgoing_interfaces": listen.split(":")[0],
        "in_enc_policy": 2, "out_enc_policy": 2,  # 2 is plaintext only
        "allow_multiple_connections_per_ip": True,
        "alert_mask": lt.alert.category_t.status_notification |
        lt.alert.category_t.storage_notification |
        lt.alert.category_t.error_notification,
    })
    settings.update(json.loads(os.environ.get("LT_SETTINGS", "{}")))
    return lt.session(settings)


def main():
    role, torrent, directory, listen, *peer = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    s = session(listen)
    if torrent.startswith("magnet:"):  # its peer is in the link
        params = lt.parse_magnet_uri(torrent)
    else:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(torrent)
    params.save_path = directory
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if role == "leech":
        print("ready", flush=True)
        sys.stdin.readline()
    handle = s.add_torrent(params)
    if peer:
        ip, port = peer[0].split(":")
        handle.connect_peer((ip, int(port)))
    said = False
    while True:
        s.wait_for_alert(200)
        alerts = s.pop_alerts()
        for a in alerts:
            if "error" in a.what():
                print(a.message(), file=sys.stderr, flush=True)
        if role == "leech" and any(
                isinstance(a, lt.torrent_finished_alert) for a in alerts):
            handle.flush_cache()
        if role == "leech" and any(
                isinstance(a, lt.cache_flushed_alert) for a in alerts):
            return
        if role == "seed" and not said and handle.status().is_seeding:
            print("ready", flush=True)
            said = True


main()
