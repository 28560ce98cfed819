/*
 * site.mjs - a responder for the tests, in a few lines, and what harms on the way.
 *
 * The log is an array: event n has the id `n-x'.  `way' is called for each answer
 * and may give {write(text), end()} in place of what sends at once.  `status' may
 * answer first.  `asked' has what each request asked for.
 */
import http from "node:http";
import { once } from "node:events";

export class Site {
	log = []; asked = []; open = new Set(); first = 1; minBeat = .1; ended = false;
	way = null; status = null; most = 0;

	static async start() {
		const site = new Site();

		site.server = http.createServer((req, res) => site.answer(req, res));
		site.server.listen(0, "127.0.0.1");
		await once(site.server, "listening");
		site.url = `http://127.0.0.1:${site.server.address().port}/events`;
		return site;
	}

	stop() {
		this.server.closeAllConnections();
		this.server.close();
	}

	// What was asked for but polls.
	get streams() {
		return this.asked.filter((asked) => !asked.poll);
	}

	publish(data = "e" + (this.log.length + 1), event) {
		this.log.push({ data, event });
		for (const stream of this.open)
			stream.advance();
	}

	async answer(req, res) {
		const u = new URL(req.url, this.url), q = u.searchParams;
		let body = "";

		for await (const piece of req)
			body += piece;
		for (const [name, value] of new URLSearchParams(body))
			q.append(name, value);
		const asked = { method: req.method, path: u.pathname, q, at: Date.now(), headers: req.headers,
			poll: q.has("poll"), from: q.getAll("lastEventId").pop() };
		this.asked.push(asked);
		const status = await this.status?.(asked, res);
		if (res.writableEnded || res.destroyed)
			return;
		if (status && status !== 200)
			return res.writeHead(status).end("no\n");
		new Stream(this, asked, res, this.way?.(asked, res));
	}
}

const plain = (res) => ({ write: (text) => res.write(text), end: () => res.end() });

class Stream {
	constructor(site, asked, res, way) {
		const { q } = asked, number = asked.from === undefined ? NaN : parseInt(asked.from, 10);

		Object.assign(this, { site, res, poll: asked.poll, way: { ...plain(res), ...way } });
		this.pad = Math.min(8192, +(q.get("pad") ?? 0));
		this.at = !isNaN(number) ? number : q.has("last") ? Math.max(site.first - 1, site.log.length - q.get("last"))
		    : site.log.length;
		this.beat = q.has("beat") ? Math.max(site.minBeat, +q.get("beat")) : 0;
		res.writeHead(200, { "Content-Type": "text/event-stream" });
		res.flushHeaders();
		const gap = this.at + 1 < site.first;
		const asks = this.at;
		if (gap)
			this.at = site.first - 1;
		let text = `retry: 3000\nevent: stream-start\nid: ${this.at}-x\ndata: ${JSON.stringify({ id: this.at + "-x",
			...this.beat && { time: site.now(), beat: this.beat } })}\n\n`;
		if (gap)
			text += `event: stream-gap\nid: ${this.at}-x\ndata: {"reason":"pruned","asked":"${asks}"}\n\n`;
		if (site.expire)
			text += `event: stream-expire\ndata: {"seconds":${site.expire}}\n\n`;
		this.send(text);
		site.open.add(this);
		site.most = Math.max(site.most, site.open.size);
		res.on("close", () => this.over());
		if (this.beat)
			this.beats = setInterval(() => this.send(
			    `event: stream-beat\ndata: {"time":${site.now()},"id":"${this.at}-x"}\n\n`), this.beat * 1e3);
		const age = q.has("age") ? +q.get("age") : this.poll ? 25 : 0;
		if (age || this.poll)
			this.aged = setTimeout(() => this.end(this.poll ? "poll" : "age", 100), age * 1e3);
		this.advance();
	}

	send(text) {
		if (!this.done)
			this.way.write(text + (this.pad ? ":" + ".".repeat(this.pad - 2) + "\n" : ""));
	}

	advance() {
		let text = "";

		for (; this.at < this.site.log.length; this.at++) {
			const { data, event } = this.site.log[this.at];

			text += (event ? `event: ${event}\n` : "") + `id: ${this.at + 1}-x\ndata: ${data}\n\n`;
		}
		if (text)
			this.send(text);
		if (text && this.poll)
			this.end("poll", 100);
	}

	end(reason, retry) {
		if (this.done)
			return;
		this.way.write(`retry: ${retry}\nevent: stream-retry\ndata: {"retry":${retry},"reason":"${reason}"}\n\n`);
		this.over();
		this.way.end();
	}

	over() {
		this.done = true;
		clearInterval(this.beats);
		clearTimeout(this.aged);
		this.site.open.delete(this);
	}
}

Site.prototype.now = Date.now;

/* --- what harms ---------------------------------------------------------- */

// Nothing comes before the end.
export const holds = (_, res) => {
	let kept = "";
	return { write: (text) => { kept += text; }, end: () => res.end(kept) };
};

// A buffer that is passed on when it is full.
export const buffer = (size) => (_, res) => {
	let kept = "";
	return {
		write(text) {
			kept += text;
			const n = kept.length - kept.length % size;
			if (n)
				res.write(kept.slice(0, n));
			kept = kept.slice(n);
		},
		end: () => res.end(kept),
	};
};

// The newest piece waits for the next one.
export const holdsLast = (_, res) => {
	let kept;
	return {
		write(text) {
			if (kept)
				res.write(kept);
			kept = text;
		},
		end: () => res.end(kept),
	};
};

// What came goes out together every so often.
export const gathers = (ms, first = false) => (_, res) => {
	let kept = "", begun = !first;
	const timer = setInterval(() => { kept && res.write(kept); kept = ""; }, ms);
	res.on("close", () => clearInterval(timer));
	return {
		write(text) {
			if (!begun)
				begun = res.write(text) || true;
			else
				kept += text;
		},
		end: () => { clearInterval(timer); res.end(kept); },
	};
};

// Cut after so long, with no end.
export const cuts = (ms) => (_, res) => {
	const timer = setTimeout(() => res.destroy(), ms);
	res.on("close", () => clearTimeout(timer));
};

// Cut when nothing came for so long.
export const cutsIdle = (ms) => (_, res) => {
	let timer;
	const again = () => { clearTimeout(timer); timer = setTimeout(() => res.destroy(), ms); };
	res.on("close", () => clearTimeout(timer));
	return { write(text) { again(); res.write(text); } };
};

/* --- what a page sees ---------------------------------------------------- */

export function watch(es) {
	const seen = { ids: [], data: [], log: [], at: [] };

	es.addEventListener("message", (e) => {
		seen.ids.push(parseInt(e.lastEventId, 10));
		seen.data.push(e.data);
		seen.at.push(Date.now());
	});
	for (const name of ["open", "error", "way", "gap", "stream-start"])
		es.addEventListener(name, () => seen.log.push(name === "way" ? es.way : name));
	return seen;
}

export async function until(what, ms = 60e3) {
	const end = Date.now() + ms;

	while (!what()) {
		if (Date.now() > end)
			throw new Error("waited in vain for " + what);
		await new Promise((go) => setTimeout(go, 10));
	}
}

export const sleep = (ms) => new Promise((go) => setTimeout(go, ms));
export const count = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
