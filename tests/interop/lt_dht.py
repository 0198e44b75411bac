"""lt_dht.py LISTEN-IP:PORT DHT-IP:PORT DIR [TORRENT] - libtorrent that finds
others in the DHT alone: no tracker, PEX, LSD or port mapping.

Says "joined" when it knows nodes, "complete" when it has all of the torrent.
Ends on SIGTERM.
"""

import signal
import sys
import time

import libtorrent as lt

DONE = False


def stop(*_):
    global DONE
    DONE = True


def session(listen):
    off = ("enable_lsd", "enable_upnp", "enable_natpmp",
           # a network of one machine, which its defaults take for an attack
           "dht_restrict_routing_ips", "dht_restrict_search_ips",
           "dht_ignore_dark_internet", "dht_enforce_node_id",
           "dht_prefer_verified_node_ids")
    settings = {name: False for name in off}
    settings.update({
        "enable_dht": True,
        "dht_bootstrap_nodes": "",
        "dht_announce_interval": 5,
        "listen_interfaces": listen,
        "outgoing_interfaces": listen.rpartition(":")[0].strip("[]"),
        "allow_multiple_connections_per_ip": True,
        "min_reconnect_time": 1,
        "alert_mask": lt.alert.category_t.all_categories,
    })
    return lt.session(settings)


def add(s, torrent, directory):
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(torrent)
    params.save_path = directory
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    params.flags |= lt.torrent_flags.disable_pex | lt.torrent_flags.disable_lsd
    return s.add_torrent(params)


def main():
    listen, node, directory, *torrents = sys.argv[1:]
    signal.signal(signal.SIGTERM, stop)
    s = session(listen)
    host, _, port = node.rpartition(":")
    handles, joined, complete = [], False, False
    while not DONE:
        time.sleep(0.1)
        s.post_dht_stats()
        for a in s.pop_alerts():
            if isinstance(a, lt.dht_stats_alert):
                nodes = sum(b["num_nodes"] for b in a.routing_table)
                if not nodes:
                    s.add_dht_node((host.strip("[]"), int(port)))
                elif not joined:
                    joined = True
                    print("joined", flush=True)
                    handles = [add(s, t, directory) for t in torrents]
            elif "dht" in a.what() or "peer" in a.what():
                print(a.what(), a.message(), file=sys.stderr, flush=True)
        if handles and not complete and all(
                h.status().is_seeding for h in handles):
            complete = True
            for h in handles:
                h.flush_cache()
            print("complete", flush=True)


main()
