"""lt_dht.py IP:PORT LISTEN-IP:PORT... - nodes of libtorrent in the DHT, one at each
address, which have no torrents and know the first. Says "joined" when each knows
others. Ends on SIGTERM.
"""

import signal
import sys
import time

import libtorrent as lt

DONE = False
ASK_EVERY_S = 0.5
# one machine, which the defaults take for an attack
SMALL_NETWORK = {
    "dht_restrict_routing_ips": False, "dht_restrict_search_ips": False,
    "dht_ignore_dark_internet": False, "dht_enforce_node_id": False,
    "dht_prefer_verified_node_ids": False, "dht_bootstrap_nodes": "",
    "dht_announce_interval": 5}


def stop(*_):
    global DONE
    DONE = True


def node(listen):
    off = ("enable_lsd", "enable_upnp", "enable_natpmp")
    return lt.session({
        **{name: False for name in off}, **SMALL_NETWORK, "enable_dht": True,
        "listen_interfaces": listen,
        "outgoing_interfaces": listen.rpartition(":")[0].strip("[]"),
        "alert_mask": lt.alert.category_t.stats_notification |
        lt.alert.category_t.dht_notification})


def join(session, at, ended):
    """Until it knows somebody: asks the node at IP:PORT. Not as often as it can:
    of a node that is late all answers come at once, and from whom 50 datagrams
    come within ten seconds libtorrent takes none for five minutes ("BANNING PEER"
    in its log): that node would stay alone."""
    host, _, port = at.rpartition(":")
    asked = 0
    while not ended():
        session.post_dht_stats()
        session.wait_for_alert(100)
        for a in session.pop_alerts():
            if isinstance(a, lt.dht_stats_alert):
                if sum(b["num_nodes"] for b in a.routing_table):
                    return
                if time.monotonic() - asked >= ASK_EVERY_S:
                    session.add_dht_node((host.strip("[]"), int(port)))
                    asked = time.monotonic()


def main():
    first, *others = sys.argv[1:]
    signal.signal(signal.SIGTERM, stop)
    sessions = [node(at) for at in others]
    for s in sessions:
        join(s, first, lambda: DONE)
    print("joined", flush=True)
    host, _, port = first.rpartition(":")
    while not DONE:
        # until the first knows them, too
        for s in sessions:
            s.add_dht_node((host.strip("[]"), int(port)))
        time.sleep(2)


if __name__ == "__main__":
    main()
