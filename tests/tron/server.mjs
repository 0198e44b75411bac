// server.mjs - a TRON chain of its own, for tests and the demo, on anvil's EVM.
//   node server.mjs [--host H] [--port P]... [--anvil URL] [--chain-id N] [--time MS]
//     [--give ADDRESS=SUN]... [--solid-lag N] [--block-ms N] [--on-broadcast]
//     [--estimate] [--work GAS]
// Each --port is a node of the same chain (0, and none: a free port). Without --anvil
// it starts one. Prints "ready URL..." when it answers. README.md tells the rest.
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Chain } from './chain.mjs';
import { Evm, openAnvil } from './evm.mjs';
import { Node } from './http.mjs';
import { addressOfJson } from './protobuf.mjs';

const CHAIN_ID = 0x6aa8c99e;

// options: {anvil, chainId, timeMs, solidLag, work, minesAtOnce, estimates, host, ports, give}.
export async function start(options = {}) {
  const own = options.anvil ? null
    : await openAnvil({ chainId: options.chainId ?? CHAIN_ID, timeMs: options.timeMs ?? Date.now() });
  const evm = new Evm(options.anvil ?? own.url);
  const chain = new Chain(evm, { ...options, chainId: await evm.chainId() });
  await chain.open();
  for (const [address, sun] of options.give ?? []) await chain.give(address, BigInt(sun));
  const nodes = [], urls = [];
  for (const port of options.ports ?? [0]) {
    const node = new Node(chain, options);
    urls.push(await node.listen(options.host ?? '127.0.0.1', port));
    nodes.push(node);
  }
  const stop = async () => {
    for (const node of nodes) await node.close();
    own?.stop();
  };
  return { chain, nodes, urls, stop };
}

// The next one is due when the last is done.
function mineEvery(chain, ms) {
  setTimeout(async () => {
    await chain.exclusive(() => chain.mine());
    mineEvery(chain, ms);
  }, ms);
}

const number = (text) => text === undefined ? undefined : Number(text);

async function main() {
  const text = { type: 'string' }, many = { type: 'string', multiple: true }, flag = { type: 'boolean' };
  const { values: v } = parseArgs({ options: { host: text, port: many, anvil: text, 'chain-id': text, time: text, give: many,
    'solid-lag': text, 'block-ms': text, 'on-broadcast': flag, estimate: flag, work: text } });
  const given = (v.give ?? []).map((one) => one.split('=')).map(([a, sun]) => [addressOfJson(a, !/^(0x)?41/.test(a)), sun]);
  const options = { anvil: v.anvil, chainId: number(v['chain-id']), timeMs: number(v.time), solidLag: number(v['solid-lag']),
    work: number(v.work), estimates: v.estimate, minesAtOnce: v['on-broadcast'], host: v.host,
    ports: v.port?.map(Number), give: given };
  const { chain, urls, stop } = await start(Object.fromEntries(Object.entries(options).filter(([, o]) => o !== undefined)));
  if (v['block-ms']) mineEvery(chain, Number(v['block-ms']));
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, async () => {
    await stop();
    process.exit(0);
  });
  console.log(`ready ${urls.join(' ')}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
