/*
 * interop.mjs - everybody who reads streams, behind the shipped nginx, in all that can
 * happen to a stream.
 *
 * All clients are there from the first row to the last: pages in Chromium and in
 * Firefox, and programs.  What a client hands on is reported as it came, and judged
 * here: each row exactly once and in order, with its name, its id and all its lines;
 * and nothing else but events that are named stream-*.  One line of TAP is one client in
 * one scene.  The table of them all goes to stderr.
 *
 * usage: interop.mjs [WORD...]	clients with one of the words in their name
 *
 * MORE='&age=2&beat=1&pad=300' in the environment is added to the address of each
 * stream.  Those that do not come back after an end are left out then.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Told } from "../../web/kit/told.mjs";
import { PAGES, PROGRAMS } from "./clients.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const require = createRequire(here("../../../build/clients/package.json"));
const LIMIT_MS = 120000;		/* for anything that is waited for */
const MORE = process.env.MORE ?? "";
const TEXT = 'é✓ "\\ :';

const pause = () => new Promise((done) => setTimeout(done, 10));

async function until(what, test) {
	const end = Date.now() + LIMIT_MS;

	while (!await test()) {
		if (Date.now() > end)
			throw new Error("did not come: " + what());
		await pause();
	}
}

/* --- the site ----------------------------------------------------------- */

class Site extends Told {
	rows = 0;		/* published */
	readMs = 0;		/* when nginx's log was read */
	pruned = 0;		/* row 1 to this one are gone */

	static async start() {
		const me = await super.start(
		    ["/usr/bin/python3", here("site.py")]);

		return Object.assign(me, me.first);
	}

	async publish(n) {
		await this.say("rows", this.rows + 1, this.rows + n);
		this.rows += n;
	}

	/* The statuses of all that a client has asked and that is answered. */
	asked({ key }) {
		if (Date.now() - this.readMs > 50) {
			this.answers = new Map();
			for (const [, who, status] of readFileSync(this.log,
			    "utf8").matchAll(/[?&]client=(\w+)&.*?" (\d{3}) /g))
				this.answers.set(who, [...this.answers.get(who) ??
				    [], Number(status)]);
			this.readMs = Date.now();
		}
		return this.answers.get(key) ?? [];
	}
}

/* --- a client, and what it hands on ------------------------------------- */

class Client {
	next = 1;		/* the row that has to come now */
	wrong = [];		/* lost, or twice, or not as it was published */
	junk = [];		/* what nobody published */
	twice = null;		/* a row that it had handed on before */
	heard = new Set();	/* the stream-* of this scene */
	ended = null;		/* it says that it is over */
	lines = 0;		/* rows of which it has handed on the last line */
	starts = 1;		/* of its page */

	constructor(site, key, title, known) {
		Object.assign(this, { site, key, title, known });
		this.url = `/events?topic=${known.topic ?? "main"}&client=${
		    key}&lastEventId=earliest${MORE}`;
	}

	take([kind, ...what]) {
		if (kind === "event")
			this.event(...what);
		else if (kind === "over")
			this.ended ??= what[0];
		else
			this.junk.push(what[0]);
	}

	event(type, id, data) {
		const row = type === "row" ? { n: Number(data), text: TEXT } :
		    this.parsed(data);

		if (row === null)
			this.junk.push(`${type ?? "no type"}: ` +
			    (data ?? "no data"));
		else if (/^stream-(?!end$)/.test(type))
			this.heard.add(type);
		else
			this.row(type, id, row);
	}

	/* As a page would do it.  null: it would throw there. */
	parsed(data) {
		if (this.known.lines && data === "}" && this.next % 3 === 2) {
			this.lines++;
			return { n: this.next, text: TEXT };
		}
		try {
			return JSON.parse(data);
		} catch {
			return null;
		}
	}

	row(type, id, { n, text }) {
		if (this.next <= this.site.pruned)
			this.next = this.site.pruned + 1;
		if (n < this.next)
			this.twice = n;
		if (n > this.next)
			this.wrong.push(`row ${n} in place of ${this.next}`);
		if (text !== TEXT)
			this.wrong.push(`row ${n} has the text ${text}`);
		if (type !== "row" && (type || "message") !==
		    (n % 4 === 1 ? "note" : "message"))
			this.wrong.push(`row ${n} has the type ${type}`);
		if (typeof id === "string" && parseInt(id) !== 3 * n - 2)
			this.wrong.push(`row ${n} has the id ${id}`);
		this.next = n + 1;
	}

	/* The page is loaded anew, and has to get all that there is. */
	again() {
		this.starts++;
		this.next = 1;
		this.ended = null;
	}

	ends() {
		return until(() => `the end of ${this.title}`,
		    () => this.ended !== null);
	}

	/* It has all that there is, or never will. */
	level() {
		return until(() => `row ${this.site.rows} for ${this.title}, ` +
		    `which waits for ${this.next}`, () => this.ended !== null ||
		    this.next > this.site.rows);
	}

	/* How often it has been answered since, or at all. */
	asks(n, since = []) {
		return until(() => `${this.title} asks ${n} times`, () =>
		    this.ended !== null ||
		    this.site.asked(this).length - since.length >= n);
	}
}

/* --- browsers and programs ---------------------------------------------- */

const procs = [];

function program(client, [name, ...args]) {
	const proc = spawn(name, [...args, client.site.url + client.url],
	    { stdio: ["ignore", "pipe", "pipe"] });

	procs.push(proc);
	createInterface({ input: proc.stdout }).on("line", (line) => client.take(
	    line.startsWith("[") ? JSON.parse(line) : ["junk", line]));
	proc.stderr.setEncoding("utf8");
	proc.stderr.on("data", (text) => { client.said =
	    ((client.said ?? "") + text).slice(-2000); });
	proc.on("close", (status) => client.take(["over",
		`exit status ${status}: ${client.said ?? ""}`]));
}

/* Pages report here, whatever browser they are in.  One that is over waits here. */
async function desk(clients) {
	const server = createServer(async (request, answer) => {
		const [, key, start] = request.url.split("/");
		const client = clients.get(key);
		let body = "";

		request.setEncoding("utf8");
		for await (const piece of request)
			body += piece;
		if (body)
			client?.take(JSON.parse(body));
		while (start && client.starts <= start)
			await pause();
		answer.setHeader("Access-Control-Allow-Origin", "*");
		answer.end(String(client?.starts));
	});

	await new Promise((done) => server.listen(0, "127.0.0.1", done));
	return server;
}

function address(client, report) {
	return `${client.site.url}/interop/page.html?` + new URLSearchParams({
		client: client.page, url: client.url,
		report: `http://127.0.0.1:${report.address().port}/${client.key}`,
	});
}

/* A context each: six connections to a host are the most that one has. */
async function chromium(clients, report) {
	const browser = await require("playwright-core").chromium.launch({
		executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
		args: ["--no-sandbox", "--disable-dev-shm-usage",
		    "--disable-gpu", "--no-first-run",
		    "--disable-background-networking"],
	});

	await Promise.all(clients.map(async (client) => {
		const page = await (await browser.newContext()).newPage();

		await page.goto(address(client, report));
	}));
	return () => browser.close();
}

/* One page with a frame for each, and a profile that lets them all connect. */
function firefox(clients, report) {
	const home = mkdtempSync(join(tmpdir(), "largesse-firefox-"));
	const prefs = { "network.http.max-persistent-connections-per-server": 40,
		"browser.shell.checkDefaultBrowser": false,
		"browser.startup.homepage_override.mstone": "ignore",
		"datareporting.policy.dataSubmissionEnabled": false,
		"app.update.auto": false, "app.normandy.enabled": false,
		"network.captive-portal-service.enabled": false,
		"network.connectivity-service.enabled": false,
		"services.settings.server": "http://127.0.0.1:9/" };

	writeFileSync(join(home, "user.js"), Object.entries(prefs).map(
	    ([name, value]) => `user_pref("${name}", ${
		JSON.stringify(value)});\n`).join(""));
	const pages = new URLSearchParams(clients.map(
	    (client) => ["page", address(client, report)]));
	const proc = spawn(process.env.FIREFOX || "/usr/bin/firefox-esr", [
		"--headless", "--no-remote", "--profile", home,
		`${clients[0].site.url}/interop/frames.html?${pages}`,
	], { stdio: "ignore", env: { ...process.env, HOME: home } });
	const ended = new Promise((done) => proc.on("close", done));

	procs.push(proc);
	return async () => {
		proc.kill();
		await ended;
		rmSync(home, { recursive: true, maxRetries: 5 });
	};
}

/* --- the scenes --------------------------------------------------------- */

const each = (clients, f) => Promise.all(clients.map(async (c) => {
	try {
		if (c.ended === null)
			await f(c);
	} catch (e) {
		c.wrong.push(e.message);
		c.ended = "given up by the test";
		c.lost = true;
	}
}));
const level = (clients) => each(clients, (c) => c.level());

const SCENES = {
	"rows with names and ids": async (site, clients) => {
		await site.publish(6);
		await level(clients);
		for (let i = 0; i < 6; i++)
			await site.publish(1);
		await level(clients);
	},

	"nginx reload that cuts": async (site, clients) => {
		await site.say("reload");
		await site.publish(4);
		await level(clients);
	},

	/* Behind nginx it looks like an end that is meant. */
	"kill -9 of the responder": async (site, clients) => {
		await site.say("kill");
		await site.publish(3);
		await site.say("start");
		await level(clients);
		await site.publish(2);
		await level(clients);
	},

	/* What they have not had is pruned while nobody is there. */
	"a gap": async (site, clients) => {
		await site.say("kill");
		await site.publish(6);
		await site.say("prune", 9);	/* three, in three forms */
		site.pruned = site.rows - 3;
		await site.say("start");
		await level(clients);
		await site.publish(2);
		await level(clients);
	},

	/* SIGTERM.  They come back to a responder that is there again. */
	"an orderly end": async (site, clients) => {
		await site.say("end");
		await site.publish(3);
		await site.say("start");
		await level(clients);
		await site.publish(2);
		await level(clients);
	},

	/* Nobody listens on the socket: nginx says to come back. */
	"the responder is away": async (site, clients) => {
		const before = new Map(clients.map((c) => [c, site.asked(c)]));

		await site.say("leave");
		await each(clients, (c) => c.asks(3, before.get(c)));
		await site.say("return");
		await site.publish(3);
		await level(clients);
	},

	/* Those that repeat do so, and then nobody else has. */
	"a refusal": async (site, clients) => {
		const refused = (c) => site.asked(c).filter((n) => n === 401);

		await site.say("close-door");
		await Promise.all(clients.map(async (c) => {
			if (c.known.over) {
				await c.ends();
				c.again();
			}
			await until(() => `401 for ${c.title}`, () =>
			    refused(c).length >=
			    (c.known.at401 === "stops" ? 1 : 3));
		}).map((waited, i) => waited.catch(
		    (e) => clients[i].wrong.push(e.message))));
		for (const c of clients) {
			c.refused = refused(c).length;
			if (c.known.at401 === "stops" && c.refused !== 1)
				c.wrong.push(`it asked ${c.refused} times`);
		}
	},
};

/* --- and run ------------------------------------------------------------ */

/* What all are told who hear such events. */
const TELLS = { "an orderly end": "stream-retry", "a gap": "stream-gap",
	"the responder is away": "stream-retry" };

function verdict(client, scene) {
	const dies = client.known.over?.includes(scene) ?? false;
	const twice = client.known.twice?.includes(scene) ?? false;

	if (client.wrong.length + client.junk.length > 0)
		return [...client.wrong, ...client.junk.map((x) => "junk: " +
		    String(x).slice(0, 300))].join("; ");
	if (twice !== (client.twice !== null))
		return twice ? "no row came twice, and one was expected to" :
		    `row ${client.twice} came twice`;
	if (TELLS[scene] && !client.known.deaf && !dies &&
	    !client.heard.has(TELLS[scene]))
		return "it was not told " + TELLS[scene];
	if (client.ended !== null && !dies && scene !== "a refusal")
		return "it is over: " + client.ended;
	if (client.ended === null && dies)
		return "it came back, and was not expected to";
	return null;
}

async function play(site, name, all, told) {
	const clients = all.filter((c) => !c.lost);
	const from = Date.now();

	clients.filter((c) => c.ended !== null).forEach((c) => c.again());
	await level(clients);
	await SCENES[name](site, clients);
	for (const client of clients) {
		const why = verdict(client, name);

		told.push({ client, scene: name, why, over: client.ended,
			twice: client.twice,
			title: `${name}: ${client.title}` });
		client.wrong = [];
		client.junk = [];
		client.twice = null;
		client.heard.clear();
	}
	console.error(`# ${name}: ${((Date.now() - from) / 1000).toFixed(1)} s`);
}

function cell(client, scene, told) {
	const one = told.find((t) => t.client === client && t.scene === scene);

	if (!one)
		return "";
	if (one.why)
		return "WRONG";
	if (scene === "a refusal")
		return client.known.at401;
	return one.over !== null ? "over" : one.twice !== null ? "twice" :
	    client.lines ? "last lines" : "exact";
}

function table(clients, told) {
	const scenes = Object.keys(SCENES);

	console.error(`| client | ${scenes.join(" | ")} |`);
	for (const c of clients)
		console.error(`| ${c.title} | ` + scenes.map(
		    (scene) => cell(c, scene, told)).join(" | ") + " |");
}

function everybody(site, words) {
	const clients = [];
	const add = (browser, page, title, known) => clients.push(Object.assign(
	    new Client(site, `c${clients.length}`, title, known),
	    { browser, page }));

	for (const browser of ["Chromium", "Firefox"])
		for (const [page, known] of Object.entries(PAGES))
			add(browser, page, `${known.title} [${browser}]`, known);
	for (const [title, known] of Object.entries(PROGRAMS))
		add(null, null, title, known);
	return clients.filter(({ title, known: { over, twice } }) =>
	    (words.length === 0 || words.some((word) => title.includes(word))) &&
	    !(MORE && (over || twice)));
}

/* Returns what closes it again. */
async function open(clients, report) {
	const of = (browser) => clients.filter((c) => c.browser === browser);
	const closing = [() => procs.forEach((proc) => proc.kill())];

	if (of("Firefox").length > 0)
		closing.push(firefox(of("Firefox"), report));
	for (const client of of(null))
		program(client, client.known.run);
	if (of("Chromium").length > 0)
		closing.push(await chromium(of("Chromium"), report));
	return () => Promise.all(closing.map((close) => close()));
}

async function main(words) {
	const site = await Site.start();
	const clients = everybody(site, words);
	const report = await desk(new Map(clients.map((c) => [c.key, c])));
	const close = await open(clients, report);
	const told = [];

	for (const name of Object.keys(SCENES))
		await play(site, name, clients, told);
	await close();
	const status = await site.stop();

	told.push({ title: "the servers stop",
		why: status === 0 ? null : "status " + status });
	table(clients, told);
	if (told.some(({ why }) => why))
		console.error(site.errors);
	return told;
}

process.on("exit", () => procs.forEach((proc) => proc.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"])
	process.on(signal, () => process.exit(1));
const told = await main(process.argv.slice(2));

told.forEach(({ title, why }, i) => {
	console.log(`${why ? "not ok" : "ok"} ${i + 1} - ${title}`);
	if (why)
		console.log("#   " + why.replaceAll("\n", "\n#   "));
});
console.log(`1..${told.length}`);
process.exit(told.length === 1 || told.some(({ why }) => why) ? 1 : 0);
