// Compiles src/ with npm's solc into the checked-in artifacts beside this file.
//   node compile.mjs          write Bank.json and TestToken.json
//   node compile.mjs --check  exit 1 unless they are what src/ compiles to
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const here = fileURLToPath(new URL('.', import.meta.url));
export const contracts = ['Bank', 'TestToken'];

// paris: no PUSH0 and no transient storage, which younger chains may lack.
// No metadata in the bytecode: the same source gives the same code anywhere.
export const settings = {
  evmVersion: 'paris',
  optimizer: { enabled: true, runs: 1000000 },
  viaIR: true,
  metadata: { bytecodeHash: 'none', appendCBOR: false },
};

// All of src/ by its path, as solc wants it.
export function readSources() {
  const files = readdirSync(join(here, 'src')).filter((f) => f.endsWith('.sol')).sort();
  return Object.fromEntries(files.map((f) => [`src/${f}`, readFileSync(join(here, 'src', f), 'utf8')]));
}

// Names of the immutables by the id under which solc lists their places.
function immutableNames(sources) {
  const names = {};
  const walk = (node) => {
    if (node?.nodeType === 'VariableDeclaration' && node.mutability === 'immutable') names[node.id] = node.name;
    if (node && typeof node === 'object') Object.values(node).forEach(walk);
  };
  Object.values(sources).forEach((s) => walk(s.ast));
  return names;
}

// The artifact of one contract, from these texts of the sources. Warnings are
// errors, but for a mutant, which may leave a variable unused.
export function compileSource(name, sources, isMutant = false) {
  const solc = createRequire(import.meta.url)('solc');
  const file = `src/${name}.sol`;
  const out = JSON.parse(solc.compile(JSON.stringify({
    language: 'Solidity',
    sources: Object.fromEntries(Object.entries(sources).map(([path, content]) => [path, { content }])),
    settings: {
      ...settings,
      outputSelection: { '*': { '': ['ast'], '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object',
        'evm.deployedBytecode.immutableReferences', 'storageLayout'] } },
    },
  })));
  const errors = (out.errors ?? []).filter((e) => !isMutant || e.severity === 'error');
  if (errors.length) throw new Error(errors.map((e) => e.formattedMessage).join('\n'));
  const c = out.contracts[file][name];
  const names = immutableNames(out.sources);
  return {
    contract: name,
    compiler: solc.version(),
    settings,
    abi: c.abi,
    storage: c.storageLayout.storage.map(({ label, slot, offset, type }) => ({ label, slot, offset, type })),
    // Byte ranges of the deployed bytecode that the constructor fills in.
    immutables: Object.fromEntries(Object.entries(c.evm.deployedBytecode.immutableReferences)
      .map(([id, places]) => [names[id], places.sort((x, y) => x.start - y.start)]).sort()),
    bytecode: '0x' + c.evm.bytecode.object,
    deployedBytecode: '0x' + c.evm.deployedBytecode.object,
  };
}

// Writes files, or with --check compares them; names what differs.
export function publish(files) {
  const check = process.argv.includes('--check');
  let stale = 0;
  for (const [name, text] of Object.entries(files)) {
    const path = join(here, name);
    if (!check) {
      writeFileSync(path, text);
      continue;
    }
    let old = '';
    try {
      old = readFileSync(path, 'utf8');
    } catch { /* a missing file is a stale one */ }
    if (old !== text) {
      console.error(`${name} is not what its source makes: run node contracts-abi/${process.argv[1].split('/').pop()}`);
      stale = 1;
    }
  }
  process.exitCode = stale;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const sources = readSources();
  publish(Object.fromEntries(contracts.map((name) =>
    [`${name}.json`, JSON.stringify(compileSource(name, sources), null, 2) + '\n'])));
}
