// npm-optional.mjs DIR: adds to DIR/node_modules those optional packages of
// DIR/package-lock.json that are for this system but that npm left out.
//
// Why: anvil and forge declare node >= 20, which only their JavaScript wrappers
// need. On node 18 (Debian 12, Ubuntu 24.04) npm therefore leaves out the
// packages that hold the programs themselves, which need no node at all, and
// no option of npm's changes that. The lock's checksum, where it has one, is
// checked here.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const dir = resolve(process.argv[2]);
const lock = JSON.parse(readFileSync(join(dir, "package-lock.json"), "utf8"));
const scratch = mkdtempSync(join(dir, "node_modules", ".optional-"));

function isForThisSystem(p) {
	return p.optional && p.os?.includes(process.platform) &&
		p.cpu?.includes(process.arch);
}

try {
	for (const [path, p] of Object.entries(lock.packages)) {
		const target = join(dir, path);
		if (!isForThisSystem(p) || existsSync(target))
			continue;
		const name = path.slice(path.lastIndexOf("node_modules/") + 13);
		const file = execFileSync("npm",
			["pack", "--silent", "--pack-destination", scratch, `${name}@${p.version}`],
			{ encoding: "utf8", cwd: dir }).trim().split("\n").pop();
		const packed = join(scratch, file);
		const sum = "sha512-" +
			createHash("sha512").update(readFileSync(packed)).digest("base64");
		// a lock made on another system may know the package by version only,
		// as npm ci would take it too
		if (p.integrity && sum !== p.integrity)
			throw new Error(`${name}@${p.version}: checksum is not the lock's`);
		mkdirSync(target, { recursive: true });
		execFileSync("tar", ["-xzf", packed, "-C", target, "--strip-components=1",
			"--no-same-owner"]);
		console.log(`added ${name}@${p.version}`);
	}
} finally {
	rmSync(scratch, { recursive: true, force: true });
}
