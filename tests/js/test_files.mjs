/*
 * test_files.mjs - what is shipped: made of the source, small, and whole as a package.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as any_test } from "./tap.mjs";

// They wait for other programs and nothing of this one runs meanwhile.
const test = (name, body) => any_test(name, body, { batch: 0 });

const DIR = new URL("../../deploy/js/", import.meta.url).pathname;
const MOST_BYTES = 5000;
const read = (name) => readFileSync(DIR + name, "utf8");

for (const name of ["largesse.js", "largesse.mjs"])
	test(`files: ${name} is at most ${MOST_BYTES} bytes, compressed`, (say) => {
		const bytes = execFileSync("gzip", ["-9"], { input: read(name) }).length;

		say(bytes + " bytes");
		assert.ok(bytes <= MOST_BYTES);
	});

test("files: both are made of largesse.src.js by make.sh", () => {
	const dir = mkdtempSync(join(tmpdir(), "largesse-js-"));

	try {
		cpSync(DIR, dir, { recursive: true });
		execFileSync(join(dir, "make.sh"));
		for (const name of ["largesse.js", "largesse.mjs"])
			assert.equal(readFileSync(join(dir, name), "utf8"), read(name), "run deploy/js/make.sh: " + name);
	} finally {
		rmSync(dir, { recursive: true });
	}
});

test("files: the module and the script are one but for how they hand Largesse out", () => {
	const script = read("largesse.js").split("\n"), module = read("largesse.mjs").split("\n");

	assert.equal(script.splice(1, 1)[0], "globalThis.Largesse=(()=>{");
	assert.equal(module.splice(1, 1)[0], "const Largesse=(()=>{");
	assert.equal(module.splice(-2, 1)[0], "export{Largesse,Largesse as default};");
	assert.deepEqual(script, module);
});

test("files: the module exports it", async () => {
	const module = await import(DIR + "largesse.mjs");

	assert.equal(module.default, module.Largesse);
	assert.equal(module.default.name, "Largesse");
});

// A program beside which the package is installed: what `command` says of it.
function installed(command, ...words) {
	const dir = mkdtempSync(join(tmpdir(), "largesse-js-"));

	try {
		cpSync(DIR, join(dir, "node_modules/largesse-client"), { recursive: true });
		cpSync(new URL("types.mts", import.meta.url).pathname, join(dir, "types.mts"));
		return execFileSync(command, words, { cwd: dir, encoding: "utf8" });
	} catch (e) {
		throw e.stdout ? new Error(e.stdout) : e;
	} finally {
		rmSync(dir, { recursive: true });
	}
}

test("files: the package is the module, however it is asked for", () => {
	const say = "(m) => console.log(m.Largesse.name, m.default === m.Largesse)";

	assert.equal(installed("node", "-e", `import("largesse-client").then(${say})`), "Largesse true\n");
	assert.match(installed("node", "-p", 'require.resolve("largesse-client")'), /largesse\.mjs$/m);
});

test("files: the types take a program of a site", () => {
	for (const module of ["nodenext", "node16"])
		installed("tsc", "--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--module", module, "types.mts");
});

test("files: the package has what it needs and no more", () => {
	const [packed] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: DIR, stdio: ["ignore", "pipe", "ignore"] }));
	const about = JSON.parse(read("package.json")), makefile = readFileSync(DIR + "../../Makefile", "utf8");

	assert.deepEqual(packed.files.map((f) => f.path).sort(), ["LICENSE", "README.md", "largesse.d.mts", "largesse.d.ts",
		"largesse.js", "largesse.mjs", "largesse.src.js", "package.json"]);
	assert.equal(about.version, /^VERSION\s*=\s*(\S+)/m.exec(makefile)[1]);
	assert.equal(read("LICENSE"), readFileSync(DIR + "../../LICENSE", "utf8"));
});

test("files: README and types name each option", () => {
	const options = new Set([...read("largesse.src.js").matchAll(/\bo(?:ptions)?\.(\w+)/g)].map((m) => m[1]));

	for (const option of options) {
		assert.match(read("README.md"), new RegExp("`" + option + "`"), option);
		assert.match(read("largesse.d.ts"), new RegExp("\\b" + option + "\\?:"), option);
	}
});
