/*
 * test.mjs - unmodified clients from npm, behind nginx and behind lighttpd.
 *
 * Each scene is something that happens to a run: all clients are in it at the same
 * time, each with a run of its own.  One line of TAP is one client in one scene:
 * the right text exactly once, its end as the client tells it, and that it gave up
 * never, or rightly.  The table of them all goes to stderr.
 *
 * usage: test.mjs [WORD...]	scenes, clients or servers with one of the words
 */
import { existsSync, readFileSync, renameSync, statSync,
	writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Told } from "../web/kit/told.mjs";
import { PROGRAMS, require } from "./programs.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { chromium } = require("playwright-core");
const LIMIT_MS = 60000;		/* for anything that is waited for */
const WEBS = ["nginx", "lighttpd"];
const PAGES = ["usechat", "laravel", "htmx2", "htmx4", "eventsource"];
const CLIENTS = [...PAGES, ...Object.keys(PROGRAMS)];
/* Those that ask with POST, and start the run by it. */
const POSTS = ["usechat", "openai", "agui", "tanstack"];

/* --- the site ----------------------------------------------------------- */

class Site extends Told {
	static async start(...words) {
		const me = await super.start(
		    ["/usr/bin/python3", here("site.py"), ...words]);

		return Object.assign(me, me.first);
	}

	text(n) {
		return this.tokens.slice(0, n).join("");
	}

	/* How many tokens the model may say in this run. */
	may(run, n) {
		const path = `${this.dir}/runs/${run}.may`;

		writeFileSync(path + ".new", String(n));
		renameSync(path + ".new", path);
	}

	/* How often the application was asked for the stream of a run. */
	asked(run) {
		return statSync(`${this.dir}/runs/${run}.asked`).size;
	}

	killProducer(run) {
		process.kill(+readFileSync(`${this.dir}/runs/${run}.pid`,
		    "utf8"), "SIGKILL");
	}
}

async function until(what, test) {
	const end = Date.now() + LIMIT_MS;

	for (;;) {
		const got = await test();

		if (got)
			return got;
		if (Date.now() > end)
			throw new Error("did not come: " + what());
		await new Promise((done) => setTimeout(done, 10));
	}
}

/* --- a client with its run ---------------------------------------------- */

class Page {
	constructor(browser, name, site, run, prompt) {
		Object.assign(this, { browser, site });
		this.url = `${site.url}/clients/${name}.html?run=${run}` +
		    `&prompt=${prompt}`;
		this.last = { text: "" };
	}

	async open() {
		this.context ??= await this.browser.newContext();
		this.page = await this.context.newPage();
		await this.page.goto(this.url);
	}

	async reload() {
		await this.page.reload();
	}

	async look() {
		return this.page.evaluate(() => window.look?.() ?? { text: "" });
	}

	async close() {
		await this.context?.close();
	}
}

class Client {
	constructor(browser, site, name, scene) {
		Object.assign(this, { browser, site, name });
		this.run = `${name}-${scene}`;
		this.most = "";
		this.again = 0;
	}

	make(prompt) {
		this.prompt = prompt;
		return PAGES.includes(this.name) ? new Page(this.browser,
		    this.name, this.site, this.run, prompt) :
		    new PROGRAMS[this.name](this.site, this.run, prompt);
	}

	/* Somebody else starts the run of a client that only listens. */
	async start(prompt) {
		const kind = { usechat: "ai", openai: "openai", agui: "agui",
			tanstack: "tanstack", laravel: "laravel" };
		const answer = await fetch(`${this.site.app}/start/` +
		    `${kind[this.name] ?? "plain"}/${this.run}?prompt=${prompt}`,
		    { method: "POST", body: "{}" });

		if (!answer.ok)
			throw new Error("start: " + await answer.text());
	}

	async open(prompt = "go") {
		if (prompt !== "again" && !POSTS.includes(this.name))
			await this.start(prompt);
		this.it = this.make(prompt);
		await this.it.open();
	}

	async reload() {
		this.again += (await this.it.look()).again;
		if (this.it instanceof Page) {
			await this.it.reload();
			return;
		}
		this.it.close();
		this.it = this.make(this.prompt);
		this.it.open();
	}

	/* At no time there is anything but the beginning of the text. */
	async look() {
		const seen = await this.it.look();

		if (!this.site.text().startsWith(seen.text))
			throw new Error(`${this.name}: wrong text: ` +
			    JSON.stringify(seen.text));
		return this.last = seen;
	}

	has(n) {
		const text = this.site.text(n);

		return until(() => `${n} tokens for ${this.name}, which has ` +
		    JSON.stringify(this.last), async () => {
			const seen = await this.look();

			return seen.gaveUp || seen.text.length >= text.length;
		});
	}

	ends() {
		return until(() => `the end of ${this.name}, which has ` +
		    JSON.stringify(this.last), async () => {
			const seen = await this.look();

			return seen.end || seen.gaveUp || seen.nothing;
		});
	}

	/* What is left of it when all is over. */
	async result() {
		const { text, end, gaveUp, again, nothing } = await this.look();

		return { tokens: this.count(text), end, gaveUp,
			again: again + this.again, nothing };
	}

	count(text) {
		for (let n = 0; n <= this.site.tokens.length; n++)
			if (this.site.text(n) === text)
				return n;
		return "part of a token";
	}

	async close() {
		await this.it?.close();
	}
}

/* --- the scenes --------------------------------------------------------- */

const ALL = 60, HALF = 30, SOME = 25;
const each = (clients, f) => Promise.all(clients.map(async (c) => {
	try {
		if (!c.why)
			await f(c);
	} catch (e) {
		c.why = e.message;
	}
}));
const begin = (clients) => each(clients, async (c) => {
	c.site.may(c.run, SOME);
	await c.open();
	await c.has(SOME);
});
const finish = (clients) => each(clients, async (c) => {
	c.site.may(c.run, ALL);
	await c.ends();
});
const WHOLE = { tokens: ALL, end: "done" };

const SCENES = {
	streams: async (clients) => {
		await each(clients, async (c) => {
			await c.open();
			await c.ends();
		});
		return WHOLE;
	},

	/* While it is away ten more are said. */
	"reload at every tenth token": async (clients) => {
		await each(clients, async (c) => {
			c.site.may(c.run, 10);
			await c.open();
			for (let n = 10; n < ALL; n += 10) {
				await c.has(n);
				c.site.may(c.run, n + 10);
				await c.reload();
			}
			await c.ends();
		});
		return WHOLE;
	},

	"kill -9 of the responder": async (clients, site) => {
		await begin(clients);
		await site.say("kill");
		await each(clients, (c) => c.site.may(c.run, SOME + 10));
		await site.say("start");
		await finish(clients);
		return WHOLE;
	},

	/*
	 * Its socket is lost, too.  A client that comes back meanwhile is told so
	 * by the web server: TanStack's gives up at that, and says so.
	 */
	"the responder is away": async (clients, site) => {
		await begin(clients);
		const asked = clients.map((c) => c.why || site.asked(c.run));

		await site.say("kill");
		await each(clients, (c) => until(() => `${c.name} asks again`,
		    () => site.asked(c.run) > asked[clients.indexOf(c)]));
		await site.say("start");
		await finish(clients);
		return WHOLE;
	},

	"kill -9 of the web server": async (clients, site) => {
		await begin(clients);
		await site.say("kill-web");
		await each(clients, (c) => c.site.may(c.run, SOME + 10));
		await site.say("start-web");
		await finish(clients);
		return WHOLE;
	},

	"kill -9 of the producer": async (clients, site) => {
		await begin(clients);
		await each(clients, (c) => site.killProducer(c.run));
		await each(clients, (c) => c.ends());
		return { tokens: SOME, end: "failed" };
	},

	finished: async (clients) => {
		await each(clients, async (c) => {
			await c.start("go");
			await until(() => "the end of the run", () => existsSync(
			    `${c.site.dir}/runs/${c.run}.over`));
			await c.open("again");
			await c.ends();
		});
		return WHOLE;
	},

	failed: async (clients) => {
		await each(clients, async (c) => {
			await c.open("break");
			await c.ends();
		});
		return { tokens: HALF, end: "failed" };
	},

	"never existed": async (clients) => {
		await each(clients, async (c) => {
			await c.open("again");
			await until(() => "a refusal", async () => {
				const seen = await c.look();

				return seen.gaveUp || seen.nothing || seen.again;
			});
		});
		return { tokens: 0, end: null };
	},
};

/* --- and run ------------------------------------------------------------ */

/* Scenes in which a client gives up by its own rule, and tells its program. */
const RIGHTLY = ["never existed: ", "the responder is away: tanstack"];
const AWAY = "the responder is away";

function wrong(client, result, want, scene) {
	const rightly = RIGHTLY.some((start) =>
	    `${scene}: ${client.name}`.startsWith(start));

	if (client.why)
		return client.why;
	if (rightly && result.gaveUp && result.end === null)
		return null;
	for (const name of ["tokens", "end"])
		if (result[name] !== want[name])
			return `${name}: ${result[name]}, not ${want[name]}`;
	if (result.gaveUp)
		return "gave up: " + result.gaveUp;
	return null;
}

async function play(browser, web, site, scene, words) {
	const clients = CLIENTS.filter((name) => !words.length ||
	    words.some((w) => [web, scene, name].join(" ").includes(w))).map(
	    (name) => new Client(browser, site, name, scene.replace(/\W/g, "_")));
	const from = Date.now();

	if (clients.length === 0)
		return [];
	const want = await SCENES[scene](clients, site);
	const told = [];

	for (const c of clients) {
		const result = await c.result().catch(() => ({}));
		const why = wrong(c, result, want, scene);

		told.push({ title: `${scene}: ${c.name} [${web}]`, why,
			client: c.name, web, scene, result });
		await c.close();
	}
	console.error(`# ${web}, ${scene}: ` +
	    `${((Date.now() - from) / 1000).toFixed(1)} s`);
	return told;
}

async function act(browser, scenes, words, ...site) {
	const servers = await Site.start(...site);
	const told = [];

	for (const scene of scenes)
		told.push(...await play(browser, site[0], servers, scene, words));
	const status = await servers.stop();

	told.push({ title: `the servers stop [${site.join(", ")}]`,
		why: status === 0 ? null : "status " + status });
	if (told.some(({ why }) => why))
		console.error(servers.errors);
	return told;
}

async function all(browser, web, words) {
	const scenes = Object.keys(SCENES).filter((scene) => scene !== AWAY);

	return [...await act(browser, scenes, words, web),
		...await act(browser, [AWAY], words, web, "listen")];
}

function cell({ why, result }) {
	if (why)
		return "WRONG";
	const said = result.nothing ? "nothing active" : result.gaveUp ?
	    "gives up" : result.end ?? "asks on";

	return said + (result.again && result.end ? `, asked ${result.again}x` :
	    "");
}

function table(told) {
	const rows = CLIENTS.map((client) => [client, ...Object.keys(SCENES).map(
	    (scene) => WEBS.map((web) => told.find((t) => t.client === client &&
	    t.scene === scene && t.web === web)).filter(Boolean).map(
	    cell).filter((text, i, texts) => texts.indexOf(text) === i).join(
	    " / "))]);

	for (const row of [["client", ...Object.keys(SCENES)], ...rows])
		console.error("| " + row.join(" | ") + " |");
}

/* @ag-ui/client drops a promise when its connection is cut. */
process.on("unhandledRejection", (e) => {
	if (e.message !== "terminated")
		throw e;
});
console.error("# a cut is reported by @ag-ui/client below, too");
const words = process.argv.slice(2);
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
	args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
	    "--no-first-run", "--disable-background-networking"],
});
const webs = WEBS.filter((web) => !words.includes(WEBS.find((w) => w !== web)));
const told = (await Promise.all(webs.map((web) => all(browser, web,
    words.filter((w) => w !== web))))).flat();
let n = 0;

for (const { title, why } of told) {
	console.log(`${why ? "not ok" : "ok"} ${++n} - ${title}`);
	if (why)
		console.log("#   " + why);
}
console.log(`1..${n}`);
table(told);
await browser.close();
process.exit(n === 0 || told.some(({ why }) => why) ? 1 : 0);
