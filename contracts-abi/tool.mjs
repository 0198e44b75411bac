// Where npm put a prebuilt program (not its node wrapper, which wants a newer
// node than the program does).
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export function tool(name) {
  const dir = fileURLToPath(new URL('node_modules/@foundry-rs', import.meta.url));
  const pack = existsSync(dir) && readdirSync(dir).find((d) => d.startsWith(`${name}-`));
  if (!pack) throw new Error(`${name} is not installed: run scripts/test, or npm ci in contracts-abi`);
  return join(dir, pack, 'bin', name);
}
