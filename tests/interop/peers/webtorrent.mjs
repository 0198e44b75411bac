// node webtorrent.mjs IP:PORT DIR TORRENT|LINK... - webtorrent, as lt_peer.py is
// libtorrent: "ready" when all torrents are checked, "complete" when all is there.
// PEER_MODULE is where it is (webtorrent/index.js). PEER_MODE, words with + between:
// utp, rc4 (tries that first), dht, pex, lsd; PEER_DHT, IP:PORT: a node of the DHT.
import { pathToFileURL } from 'url'
import fs from 'fs'

const { default: WebTorrent } = await import(pathToFileURL(process.env.PEER_MODULE))
const [at, directory, ...whats] = process.argv.slice(2)
const has = new Set((process.env.PEER_MODE ?? '').split('+'))

const client = new WebTorrent({
  torrentPort: Number(at.slice(at.lastIndexOf(':') + 1)),
  dht: has.has('dht') && {
    bootstrap: [process.env.PEER_DHT], host: at.slice(0, at.lastIndexOf(':'))
  },
  dhtPort: has.has('dht') ? Number(at.slice(at.lastIndexOf(':') + 1)) : 0,
  utp: has.has('utp'),
  secure: has.has('rc4'),
  lsd: has.has('lsd'),
  utPex: has.has('pex'),
  natUpnp: false,
  natPmp: false
})
client.on('error', e => { console.error('error', e); process.exit(1) })

let ready = 0
let done = 0
for (const what of whats) {
  const source = what.startsWith('magnet:') ? what : fs.readFileSync(what)
  const torrent = client.add(source, { path: directory })
  torrent.on('warning', e => console.error('warning', e.message ?? e))
  torrent.on('wire', (w, addr) => {
    console.error('wire', w.type, addr)
    w.on('close', () => console.error('close', addr))
  })
  const isReady = () => { if (++ready === whats.length) console.log('ready') }
  if (what.startsWith('magnet:')) isReady()
  else torrent.on('ready', isReady)
  torrent.on('done', () => { if (++done === whats.length) console.log('complete') })
}
process.on('SIGTERM', () => client.destroy(() => process.exit(0)))
