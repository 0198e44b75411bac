// anacrolix IP:PORT DIR TORRENT|LINK... - anacrolix/torrent, as lt_peer.py is libtorrent:
// "ready" when all torrents are checked, "complete" when all is there. PEER_MODE, words
// with + between: utp (nothing else), rc4 (nothing else), dht, pex, 6; PEER_DHT, IP:PORT:
// a node of the DHT.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/anacrolix/dht/v2"
	"github.com/anacrolix/log"
	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/mse"
	"github.com/anacrolix/torrent/storage"
)

func config(at, directory string) *torrent.ClientConfig {
	has := map[string]bool{}
	for _, w := range strings.Split(os.Getenv("PEER_MODE"), "+") {
		has[w] = true
	}
	c := torrent.NewDefaultClientConfig()
	c.SetListenAddr(at)
	c.Seed = true
	c.NoDefaultPortForwarding = true
	c.DisableWebtorrent = true
	c.Debug = os.Getenv("PEER_DEBUG") != ""
	if c.Debug {
		c.Logger = log.Default.FilterLevel(log.Debug)
	}
	c.DisableIPv4 = has["6"]
	c.DisableIPv6 = !has["6"]
	c.DisableTCP = has["utp"]
	c.DisableUTP = !has["utp"]
	c.DisablePEX = !has["pex"]
	c.NoDHT = !has["dht"]
	if node := os.Getenv("PEER_DHT"); node != "" {
		c.DhtStartingNodes = func(string) dht.StartingNodesGetter {
			return func() ([]dht.Addr, error) {
				a, err := net.ResolveUDPAddr("udp", node)
				return []dht.Addr{dht.NewAddr(a)}, err
			}
		}
	}
	c.HeaderObfuscationPolicy.Preferred = has["rc4"]
	if has["rc4"] {
		c.HeaderObfuscationPolicy.RequirePreferred = true
		c.CryptoProvides = mse.CryptoMethodRC4
		c.CryptoSelector = func(provided mse.CryptoMethod) mse.CryptoMethod {
			return provided & mse.CryptoMethodRC4
		}
	}
	c.DefaultStorage = storage.NewFileOpts(storage.NewFileClientOpts{
		ClientBaseDir: directory, PieceCompletion: storage.NewMapPieceCompletion(),
	})
	return c
}

func add(client *torrent.Client, what string) (*torrent.Torrent, error) {
	if strings.HasPrefix(what, "magnet:") {
		return client.AddMagnet(what)
	}
	return client.AddTorrentFromFile(what)
}

func main() {
	client, err := torrent.NewClient(config(os.Args[1], os.Args[2]))
	if err != nil {
		panic(err)
	}
	var torrents []*torrent.Torrent
	for _, what := range os.Args[3:] {
		t, err := add(client, what)
		if err != nil {
			panic(err)
		}
		torrents = append(torrents, t)
		if t.Info() != nil {
			t.VerifyData()
			t.DownloadAll()
		}
	}
	fmt.Println("ready")
	if at := os.Getenv("PEER_STATUS"); at != "" {
		http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
			client.WriteStatus(w)
		})
		go http.ListenAndServe(at, nil)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	for said := false; ; {
		select {
		case <-end:
			client.Close()
			return
		case <-time.After(50 * time.Millisecond):
		}
		whole := true
		for _, t := range torrents {
			if t.Info() == nil {
				whole = false
				continue
			}
			t.DownloadAll()
			whole = whole && t.Complete().Bool()
		}
		if whole && !said {
			said = true
			fmt.Println("complete")
		}
	}
}
