"""lt_peer.py LISTEN-IP:PORT DIR TORRENT|LINK... - libtorrent with its own settings
(so with encryption where the other side wants it), but no DHT, LSD, port mapping
or uTP: trackers alone, and whom these know (PEX), bring it together with others.

Says "ready" when all torrents are checked, "complete" when it has all bytes of
all of them and they are on disk. Ends on SIGTERM, saying goodbye to trackers.
The environment's LT_SETTINGS, JSON, are settings besides; LT_DHT, IP:PORT: a node
of the DHT that it joins before it has torrents; LT_LIMIT: bytes a second that each
torrent gets; LT_SUPER: it is a super seed.
"""

import json
import os
import signal
import sys

import libtorrent as lt

import lt_dht

DONE = False


def stop(*_):
    global DONE
    DONE = True


def session(listen):
    off = ("enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp",
           "enable_incoming_utp", "enable_outgoing_utp")
    settings = {name: False for name in off}
    settings.update({
        "listen_interfaces": listen,
        "outgoing_interfaces": listen.rpartition(":")[0].strip("[]"),
        "allow_multiple_connections_per_ip": True,
        "validate_https_trackers": False,
        "ssrf_mitigation": False,
        "min_reconnect_time": 1,
        **lt_dht.SMALL_NETWORK,
        "alert_mask": lt.alert.category_t.status_notification |
        lt.alert.category_t.storage_notification |
        lt.alert.category_t.tracker_notification |
        lt.alert.category_t.connect_notification |
        lt.alert.category_t.error_notification,
    })
    settings.update(json.loads(os.environ.get("LT_SETTINGS", "{}")))
    known = lt.default_settings()  # 1.2 has fewer
    return lt.session({k: v for k, v in settings.items() if k in known})


def add(s, torrent, directory):
    if torrent.startswith("magnet:"):
        params = lt.parse_magnet_uri(torrent)
    else:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(torrent)
    params.save_path = directory
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if os.environ.get("LT_SUPER"):
        params.flags |= lt.torrent_flags.super_seeding
    # the session's limits are not for peers on the local network
    params.download_limit = int(os.environ.get("LT_LIMIT", "-1"))
    return s.add_torrent(params)


def main():
    listen, directory, *torrents = sys.argv[1:]
    signal.signal(signal.SIGTERM, stop)
    s = session(listen)
    if "LT_DHT" in os.environ:
        lt_dht.join(s, os.environ["LT_DHT"], lambda: DONE)
    handles = [add(s, t, directory) for t in torrents]
    flushed, ready, complete = set(), False, False
    while not DONE:
        s.wait_for_alert(200)
        for a in s.pop_alerts():
            print(a.what(), a.message(), file=sys.stderr, flush=True)
            if isinstance(a, lt.torrent_finished_alert):
                a.handle.flush_cache()
            if isinstance(a, lt.cache_flushed_alert):
                flushed.add(a.handle.info_hash())
        states = [h.status() for h in handles]
        if not ready and all(
                str(x.state) in ("downloading", "finished", "seeding",
                                 "downloading_metadata")
                for x in states):
            ready = True
            print("ready", flush=True)
        if not complete and len(flushed) == len(handles) and all(
                x.is_seeding for x in states):
            complete = True
            print("complete", flush=True)
    s.pause()  # announces `stopped`
    for _ in range(10):
        s.wait_for_alert(200)
        if any(isinstance(a, lt.tracker_reply_alert) for a in s.pop_alerts()):
            break


main()
