/*
 * build.mjs - the pages, and what they take from npm, into build/clients/pages.
 */
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
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
