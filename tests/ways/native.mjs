/*
 * native.mjs - what a browser's own EventSource does when its stream ends, is cut
 * or is refused, and when the visitor goes to another page and back.
 *
 * deploy/README.md has it as a table.  The server here says exactly what a test
 * wants; each test has a page of its own.
 */
import { createServer } from "node:http";
import { until } from "./kit.mjs";

const PAGE = `<!doctype html><title>native</title><script>
	window.seen = { ids: [], errors: 0, back: null };
	window.source = new EventSource(location.pathname + "/events");
	source.onmessage = (e) => { seen.ids.push(e.lastEventId); };
	source.onerror = () => { seen.errors++; };
	addEventListener("pageshow", (e) => { seen.back = e.persisted; });
</script>`;

/* A site of one page, on any number of turns of which `say` decides. */
class Host {
	constructor(say) {
		this.say = say;
		this.asked = [];	/* when, and after which id */
		this.over = [];		/* when the answer was over */
		this.sockets = new Set();
	}

	async listen() {
		this.server = createServer((request, answer) =>
		    this.take(request, answer));
		this.server.on("connection", (s) => {
			this.sockets.add(s);
			s.on("close", () => this.sockets.delete(s));
		});
		await new Promise((done) => this.server.listen(this.port || 0,
		    "127.0.0.1", done));
		this.port = this.server.address().port;
	}

	take(request, answer) {
		if (!request.url.endsWith("/events")) {
			answer.setHeader("Content-Type", "text/html");
			answer.end(request.url === "/page" ? PAGE : "other");
			return;
		}
		const n = this.asked.length;

		this.asked.push({ at: Date.now(),
			after: request.headers["last-event-id"] || null });
		this.first ??= answer;
		answer.on("close", () => { this.over[n] ??= Date.now(); });
		this.say(n, answer, this);
	}

	async die() {
		const gone = new Promise((done) => this.server.close(done));

		for (const s of this.sockets)
			s.destroy();
		await gone;
	}
}

/* A stream that has begun, with one event. */
function begin(answer, n, retry) {
	answer.writeHead(200, { "Content-Type": "text/event-stream" });
	answer.write(`retry: ${retry}\nid: ${n + 1}\ndata: x\n\n`);
}

const look = (page) => page.evaluate(() => ({ ...window.seen,
	state: window.source.readyState }));

/* Runs a test on a page of its own; `say` is the server's. */
async function alone(browser, say, test) {
	const host = new Host(say);

	await host.listen();
	const page = await browser.newPage({ type: "window" });

	try {
		await page.goto(`http://127.0.0.1:${host.port}/page`);
		return await test(host, page);
	} finally {
		await page.close();
		await host.die();
	}
}

function claim(what, is, wanted) {
	if (JSON.stringify(is) !== JSON.stringify(wanted))
		throw new Error(`${what}: ${JSON.stringify(is)}, not ` +
		    JSON.stringify(wanted));
}

/*
 * Milliseconds between the moment at which the server ends the first answer, and the
 * next request.
 */
const gap = (host) => host.asked[1].at - host.over[0];

const OVER = {
	end: (answer) => answer.end(),
	cut: (answer) => answer.socket.destroy(),
	"end in an event": (answer) => answer.end("id: 77\ndata: half\n"),
};

/* It comes back after the last whole event, as late as it was told. */
const comes_back = (browser, how, retry, least) => alone(browser, (n, answer,
    host) => {
	begin(answer, n, retry);
	if (n === 0)
		answer.write(":\n\n", () => {
			host.over[0] = Date.now();
			OVER[how](answer);
		});
}, async (host, page) => {
	await until("it is back", async () => (await look(page)).ids.length === 2);
	const { state, errors, ids } = await look(page);

	claim("readyState", state, 1);
	claim("errors", errors, 1);
	claim("ids", ids, ["1", "2"]);
	claim("asked after", host.asked.map((a) => a.after), [null, "1"]);
	if (gap(host) < least)
		throw new Error(`back after ${gap(host)} ms, not ${least}`);
	return gap(host);
});

/* It has ended for good, and asks no more. */
const gives_up = (browser, refuse) => alone(browser, (n, answer) => {
	if (n > 0)
		return refuse(answer);
	begin(answer, n, 100);
	answer.write(":\n\n", () => OVER.cut(answer));
}, async (host, page) => {
	await until("it gives up", async () => (await look(page)).state === 2);
	claim("requests", host.asked.length, 2);
});

const REFUSALS = {
	502: (answer) => { answer.statusCode = 502; answer.end(); },
	204: (answer) => { answer.statusCode = 204; answer.end(); },
	"200 text/html": (answer) => {
		answer.setHeader("Content-Type", "text/html");
		answer.end("sign in here");
	},
};

/* Nobody listens for a while: it asks on, and comes back. */
const waits = (browser) => alone(browser, (n, answer) => begin(answer, n, 200),
    async (host, page) => {
	await until("it is there", async () => (await look(page)).ids.length);
	await host.die();
	await until("it asks on", async () => (await look(page)).errors > 3);
	claim("readyState", (await look(page)).state, 0);
	await host.listen();
	await until("it is back", async () => (await look(page)).state === 1);
	claim("asked after", host.asked.map((a) => a.after), [null, "1"]);
});

/*
 * To another page and back.  Chromium keeps the page and its stream, and gives it
 * all that came meanwhile; Firefox ends it, and loads the page anew.
 */
const KEPT = {
	chromium: { back: true, ids: ["1", "2"], asked: [null] },
	firefox: { back: false, ids: ["2"], asked: [null, null] },
};

const goes_and_comes = (browser, wanted) => alone(browser, (n, answer) =>
    begin(answer, n, 200), async (host, page) => {
	await until("it is there", async () => (await look(page)).ids.length);
	const stream = host.first;

	await page.goto(`http://127.0.0.1:${host.port}/other`);
	if (wanted.back)
		stream.write("id: 2\ndata: y\n\n");
	await page.goBack();
	await until("it has all", async () => (await look(page)).ids.includes("2"));
	const { back, ids } = await look(page);

	claim("seen", { back, ids, asked: host.asked.map((a) => a.after) }, wanted);
});

async function run({ browsers, check }) {
	for (const [name, b] of Object.entries(browsers)) {
		const row = { scene: "native", browser: name };

		for (const how in OVER)
			await check(`${name}: EventSource comes back, ${how}`,
			    async () => ({ ...row, how,
				ms: await comes_back(b, how, 700, 690) }));
		await check(`${name}: EventSource and a short retry`,
		    async () => ({ ...row, how: "retry: 0",
			ms: await comes_back(b, "end", 0,
			    name === "firefox" ? 490 : 0) }));
		for (const what in REFUSALS)
			await check(`${name}: EventSource gives up, ${what}`,
			    async () => { await gives_up(b, REFUSALS[what]);
				return { ...row, how: what }; });
		await check(`${name}: EventSource asks on while nobody listens`,
		    async () => { await waits(b); return { ...row, how: "away" }; });
		await check(`${name}: EventSource and going back to a page`,
		    async () => { await goes_and_comes(b, KEPT[name]);
			return { ...row, how: "back" }; });
	}
}

export const scenes = [{ name: "native", run }];
