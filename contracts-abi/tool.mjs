// The prebuilt programs that npm brings.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Where one lies (not its node wrapper, which wants a newer node than the
// program does).
export function tool(name) {
  const dir = fileURLToPath(new URL('node_modules/@foundry-rs', import.meta.url));
  const pack = existsSync(dir) && readdirSync(dir).find((d) => d.startsWith(`${name}-`));
  if (!pack) throw new Error(`${name} is not installed: run scripts/test, or npm ci in contracts-abi`);
  return join(dir, pack, 'bin', name);
}

function freePort() {
  return new Promise((done) => {
    const s = createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => done(port));
    });
  });
}

// Runs a program until its own standard input ends, which it does with us,
// however we end.
const GUARD = 'exec 3<&0; "$@" 3<&- & pid=$!; { read -r _; kill $pid; } <&3 & wait $pid';

// States that it remembers; without a bound it writes each block's to the user's
// home directory.
const HISTORY = '64';

// An anvil on loopback that ends with `stop`, or with this process.
export async function startAnvil(...options) {
  const port = await freePort();
  const child = spawn('sh', ['-c', GUARD, 'sh', tool('anvil'), '--host', '127.0.0.1', '--port', String(port),
      ...(options.includes('--prune-history') ? [] : ['--prune-history', HISTORY]), ...options],
    { stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise((done, fail) => {
    child.stdout.on('data', (d) => { if (String(d).includes('Listening')) done(); });
    child.on('exit', (code) => fail(new Error(`anvil ended with ${code}`)));
  });
  return { url: `http://127.0.0.1:${port}`, stop: () => child.stdin.end() };
}
