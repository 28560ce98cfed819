/*
 * build.mjs - the pages, and what they take from npm, into build/clients/pages and
 * build/clients/interop.
 */
import { copyFile, mkdir, readdir, readFile,
	writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const home = here("../../build/clients/");
const { build } = createRequire(home + "package.json")("esbuild");
const out = home + "pages/";
const page = (name) => `<!doctype html>
<meta charset="utf-8">
<title>${name}</title>
<div id="root"></div>
<script src="${name}.js"></script>
`;

await mkdir(out, { recursive: true });
for (const [from, to] of [
	["htmx-2/dist/htmx.js", "htmx2.js"], ["htmx-ext-sse/sse.js", "htmx2-sse.js"],
	["htmx-4/dist/htmx.js", "htmx4.js"], ["htmx-4/dist/ext/hx-sse.js",
		"htmx4-sse.js"]])
	await copyFile(home + "node_modules/" + from, out + to);
for (const name of await readdir(here("pages"))) {
	if (name.endsWith(".html")) {
		await copyFile(here("pages/") + name, out + name);
		continue;
	}
	await build({ entryPoints: [here("pages/") + name], bundle: true,
		outfile: out + name.replace(".jsx", ".js"), jsx: "automatic",
		nodePaths: [home + "node_modules"], logLevel: "warning",
		define: { "process.env.NODE_ENV": '"production"' } });
	await writeFile(out + name.replace(".jsx", ".html"),
	    page(name.replace(".jsx", "")));
}

/*
 * The page of interop/: each client is a file that it loads if it is asked for it.
 * One of them is the recipe of deploy/auth.md, word for word.
 */
const interop = home + "interop/";
const recipe = /<!-- listen.js -->\n```js\n(.*?\n)```/s.exec(
    await readFile(here("../../deploy/auth.md"), "utf8"))[1];

await mkdir(interop, { recursive: true });
await writeFile(home + "recipe.js", recipe);
for (const name of ["page.html", "frames.html"])
	await copyFile(here("interop/") + name, interop + name);
for (const name of ["htmx2.js", "htmx2-sse.js", "htmx4.js", "htmx4-sse.js"])
	await copyFile(out + name, interop + name);
await copyFile(home + "node_modules/@starfederation/datastar/dist/" +
    "datastar.js", interop + "datastar.js");
await build({ entryPoints: [here("interop/page.mjs")], bundle: true,
	splitting: true, format: "esm", outdir: interop,
	nodePaths: [home + "node_modules"], logLevel: "warning",
	alias: { recipe: home + "recipe.js" } });
