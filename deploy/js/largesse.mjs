const Largesse = (() => {
/*
 * largesse.js - an EventSource that finds its way.  README.md says why and how.
 *
 * A stream is a cursor, so connections may come and go, and two may run side by
 * side.  `skip' of a connection has the ids that the page got from elsewhere since
 * this one was asked for: what is in it is known, all else is new.
 */
"use strict";

const WAYS = ["stream", "padded", "post", "poll"];
const UP = [1, 5, 15, 60]; // minutes, until a better way is tried again
const env = globalThis;
const now = Date.now;

const json = (text) => {
	try {
		return JSON.parse(text) || {};
	} catch {
		return {};
	}
};
const get = (area, key) => {
	try {
		return env[area].getItem(key);
	} catch {
		return null;
	}
};
const put = (area, key, text) => {
	try {
		env[area].setItem(key, text);
	} catch {
	}
};

// Lets the page do other work.  Timers are slow in tabs that nobody sees.
const pause = () => new Promise((go) => {
	const { port1, port2 } = new MessageChannel();

	port1.onmessage = () => go(port1.close());
	port2.postMessage(0);
});

// Text, in pieces of any size, becomes blocks.  A field that is not there is undefined.
const parser = () => {
	let rest = "", cr, block = {};

	return function* (text) {
		if (!text)
			return;
		const lines = (rest + (cr && text[0] === "\n" ? text.slice(1) : text))
		    .split(/\r\n|\n|\r/);
		cr = text.endsWith("\r");
		rest = lines.pop();
		for (const line of lines) {
			const [, name, value] = /^([^:]*):? ?(.*)/s.exec(line);

			if (!line) {
				yield block;
				block = {};
			} else if (name === "data")
				block.data = "data" in block ? block.data + "\n" + value : value;
			else if (name === "event")
				block.type = value;
			else if (name === "id" && !value.includes("\0"))
				block.id = value;
			else if (name === "retry" && /^\d+$/.test(value))
				block.retry = +value;
		}
	};
};

class Largesse extends EventTarget {
	static CONNECTING = 0;
	static OPEN = 1;
	static CLOSED = 2;
	CONNECTING = 0;
	OPEN = 1;
	CLOSED = 2;
	readyState = 0;
	way = "";
	why = "";
	#conns = new Set(); // two at most: of main, trial and poll
	#main; // the stream that the page listens to
	#trial; // a stream that has not said anything yet
	#poll; // what carries the page while there is no stream, and judges it
	#i = 0; // the way that is taken
	#last = ""; // id of the last event
	#seen = new Set(); // ids that are not to be taken from another tab
	#next = 0; // no request before this time
	#fails = 0;
	#refused = 0; // times 401 in a row
	#slack = 1;
	#due = Infinity;

	constructor(url, options = {}) {
		super();
		const u = new URL(url, env.document?.baseURI ?? env.location?.href);

		for (const topic of [options.topics ?? []].flat())
			u.search += (u.search && "&") + "topic=" + encodeURIComponent(topic);
		this.url = u.href;
		this.withCredentials = !!options.withCredentials;
		this.#o = options;
		this.#ways = WAYS.filter((w) => !options.ways || options.ways.includes(w));
		this.#key = "largesse:" + u.href + (this.withCredentials ? "#" : "");
		this.#site = "largesse:" + u.origin + u.pathname;
		this.#area = { local: "localStorage" }[options.keep] ?? "sessionStorage";
		this.lastEventId = options.lastEventId ??
		    (options.keep && get(this.#area, this.#key) || "");
		this.#wish = this.lastEventId || /[?&](last|since)/.test(u.search);
		for (const name of ["open", "message", "error", "gap", "way"]) {
			this["on" + name] = null;
			this.addEventListener(name, (e) => this["on" + name]?.(e));
		}
		this.#listen();
		this.#start();
	}
	#o; #ways; #key; #site; #area; #wish;

	close() {
		this.readyState = 2;
		this.#rest();
		for (const [target, name, f] of this.#ears)
			target.removeEventListener(name, f);
	}

	/* --- the page ---------------------------------------------------------- */

	#ears = [];
	#listen() {
		const ear = (target, name, f) => {
			target?.addEventListener?.(name, f);
			target?.removeEventListener && this.#ears.push([target, name, f]);
		};
		const doc = env.document, net = env.navigator?.connection;
		const away = () => this.#rest();
		const back = () => this.#timer ? this.#kick(this.#beat * 1e3 + 1e3) : this.#start();

		ear(env, "online", () => this.#kick(2e3));
		ear(net, "change", () => {
			this.#set.n = 0;
			this.#up = this.#up && now() + 3e3;
			this.#kick(2e3);
		});
		ear(env, "pagehide", away);
		ear(doc, "freeze", away);
		ear(env, "pageshow", (e) => e.persisted && back());
		ear(doc, "resume", back);
		ear(doc, "visibilitychange", () => doc.visibilityState === "visible" && back());
	}

	#fire(event) {
		this.dispatchEvent(event);
	}

	#state(state) {
		if (state === this.readyState && state)
			return;
		this.readyState = state;
		this.#tell();
		this.#fire(new Event(state === 1 ? "open" : "error"));
	}

	// A block that is new goes to the other tabs and to the page.
	#give(c, { type, data, id }) {
		this.#say({ p: this.#last, type, data, id });
		if (id !== undefined) {
			for (const other of this.#conns)
				if (other !== c)
					other.skip?.add(id);
			this.#know(id);
			this.lastEventId = this.#last = id;
		}
		if (data === undefined)
			return;
		for (const name of type === "stream-gap" ? [type, "gap"] : [type || "message"])
			this.#fire(new MessageEvent(name, {
				data, origin: new URL(this.url).origin, lastEventId: this.lastEventId,
			}));
	}

	/* --- one connection ---------------------------------------------------- */

	#open(way, more) {
		const c = { way, t0: now(), at: now(), gap: 0, late: 0, limit: Infinity,
			stop: new AbortController(), ...more };

		this.#conns.add(c);
		this.#run(c);
		return c;
	}

	#drop(c) {
		if (!this.#conns.delete(c))
			return;
		for (const slot of ["#main", "#trial", "#poll"])
			;
		if (c === this.#main)
			this.#main = null;
		if (c === this.#trial)
			this.#trial = null;
		if (c === this.#poll)
			this.#poll = null;
		c.stop.abort();
	}

	#request(c, token) {
		const poll = c.way === "poll", u = new URL(this.url), set = this.#set;
		const q = new URLSearchParams();

		c.post = c.way === "post" || set.body || poll && this.#flip;
		c.beat ??= c.way === "padded" ? 1 : set.beat ?? (set.known ? this.#o.beat ?? 8 : 2);
		c.age ??= set.age;
		c.from = this.lastEventId;
		c.skip = new Set();
		c.t0 = c.at = now();
		if (c.from)
			q.set("lastEventId", c.from);
		q.set("beat", poll ? 60 : c.beat);
		if (poll)
			q.set("poll", 1);
		if (c.age !== undefined)
			q.set("age", c.age);
		if (c.way === "padded")
			q.set("pad", 2048);
		if (token && set.body)
			q.set("access_token", token);
		if (c.post)
			u.pathname = u.pathname.replace(/(\/stream|\/)?$/, "/stream");
		else
			u.search += (u.search && "&") + q;
		return fetch(u, {
			method: c.post ? "POST" : "GET",
			body: c.post ? q : undefined,
			headers: {
				Accept: "text/event-stream",
				...token && !set.body && { Authorization: "Bearer " + token },
			},
			credentials: this.withCredentials ? "include" : "same-origin",
			cache: "no-store",
			signal: c.stop.signal,
		});
	}

	async #run(c) {
		const make = this.#o.token;
		let status = 0;

		try {
			const token = await (this.#token ??= typeof make === "function" ? make() : make);

			if (!this.#conns.has(c))
				return;
			const r = await this.#request(c, token);

			status = r.status;
			if (status === 204 && this.#conns.has(c))
				return this.#end();
			if (status === 200 && /^text\/event-stream/.test(r.headers.get("content-type")))
				await this.#read(c, r.body.getReader(), status = 0);
		} catch {
			if (!c.skip)
				this.#token = null;
		}
		if (this.#conns.has(c)) {
			c.mute = !c.spoke;
			this.#over(c, status);
		}
	}
	#token; #flip;

	async #read(c, reader) {
		const parse = parser(), text = new TextDecoder();
		let t = performance.now();

		for (;;) {
			const { done, value } = await reader.read();

			if (done)
				return;
			this.#bytes(c);
			for (const block of parse(text.decode(value, { stream: true }))) {
				if (!this.#conns.has(c))
					return;
				this.#block(c, block);
				if (performance.now() - t > 5) {
					await pause();
					t = performance.now();
				}
			}
		}
	}

	#bytes(c) {
		c.gap = Math.max(c.gap, now() - c.at);
		c.at = now();
		if (c === this.#main && this.#trial?.probe) {
			this.#slack = Math.min(4, this.#slack * 1.5); // it was only slow
			this.#drop(this.#trial);
		}
	}

	#block(c, block) {
		const { type = "", data, id, retry } = block, said = /^stream-/.test(type) && json(data);

		if (type === "stream-retry" || data === undefined && retry !== undefined) {
			c.retry = retry ?? said.retry ?? 1e3;
			c.reason = said.reason;
		} else if (type === "stream-start")
			this.#began(c, block, said);
		else if (type === "stream-beat")
			this.#beaten(c, said);
		else if (type === "stream-expire")
			this.#renew = now() + said.seconds * 500;
		else if (data !== undefined || id !== undefined) {
			this.#spoke(c);
			if (id !== undefined && c.skip.delete(id))
				return;
			if (id !== undefined && c.skip.size)
				return this.#again(c); // this one sees another log: ask from here
			if (type === "stream-gap")
				for (const other of this.#conns)
					other !== c && this.#again(other);
			this.#give(c, block);
		}
	}
	#renew;

	#began(c, block, said) {
		if (!c.from && this.lastEventId)
			return this.#again(c); // two began from `now', and these are two places
		if (said.beat)
			c.limit = said.beat > 1 ? said.beat * 1500 + 1e3 : 1800;
		c.off = c.t0 - said.time;
		this.lastEventId ||= block.id ?? "";
		this.#last ||= this.lastEventId;
		const opens = this.readyState !== 1;
		this.#spoke(c);
		if (opens)
			this.#give(c, { ...block, id: undefined });
	}

	// The server's clock is ahead of ours by at most -off: a beat is this late at most.
	#beaten(c, said) {
		c.raw = now() - said.time;
		c.late = c.raw - c.off > 1500 ? c.late + 1 : 0;
		if (c !== this.#main)
			return;
		if (!c.skip.size && said.id)
			this.lastEventId = said.id;
		this.#beat = c.beat;
		this.#tell();
		if (c.late > 1 && !this.#trial)
			this.#ask();
	}
	#beat = 8;

	// Once more, from where the page is.
	#again(c) {
		const { way, i } = c, trial = c === this.#trial || c === this.#main;

		this.#drop(c);
		if (trial)
			this.#try(i);
		else
			this.#ask();
	}

	#spoke(c) {
		if (c.spoke)
			return;
		c.spoke = true;
		this.#refused = 0;
		if (c === this.#trial) {
			this.#trial = null;
			this.#drop(this.#main);
			this.#drop(this.#poll);
			this.#main = c;
			this.#i = c.i;
			if (c.probe && c.beat === 1)
				this.#set.beat = 1;
			this.#settle();
		}
		this.#state(1);
	}

	/* --- what to do next --------------------------------------------------- */

	#lead() {
		const set = json(get("localStorage", this.#site));

		this.#leads = true;
		this.#set = now() - set.at < 864e5 ? set : {};
		this.#i = Math.max(0, this.#ways.indexOf(this.#set.way));
		this.#why = this.#set.why ?? "";
		this.#plan();
		this.#next = 0;
		this.#tick();
	}
	#leads; #set = {}; #why; #timer; #up;

	#plan() {
		const { age, beat, body, at, n = 0 } = this.#set;

		this.#up = this.#i || age || beat || body ? (at ?? now()) + UP[Math.min(n, 3)] * 6e4 : 0;
	}

	#arm(ms) {
		clearTimeout(this.#timer);
		this.#due = now() + ms;
		this.#timer = setTimeout(() => this.#tick(), ms);
	}

	#tick() {
		const time = now(), slept = time - this.#due > 3e3;

		if (this.#leads)
			this.#judge(time, slept);
		else
			this.#watch(time);
		if (this.readyState === 2)
			return;
		if (this.#o.keep)
			put(this.#area, this.#key, this.lastEventId);
		this.#arm(!this.#leads ? 1e3 : this.#main && !this.#trial && !this.#poll
		    ? Math.min(1e3, this.#main.limit / 8)
		    : Math.max(20, Math.min(150, this.#next - time)));
	}

	#judge(time, slept) {
		const t = this.#trial, m = this.#main, p = this.#poll, set = this.#set;

		if (p && time - p.t0 > p.age * 1e3 + 2e3 * (t ? 1 : 1.5 ** Math.min(4, this.#fails))) {
			this.#flip = !this.#flip;
			this.#over(p, this.#conns.has(p) && 0);
		} else if (this.#renew < time) {
			this.#renew = this.#token = null;
			if (m)
				this.#try(this.#i);
		} else if (t && m && time - t.t0 > 2500) {
			this.#drop(m.at > t.t0 ? t : m); // the better way is none, or main is dead
			if (!this.#main)
				this.#state(0);
		} else if (t && (t.doubt < time)) {
			this.#down(t, "The way " + t.way + " is held back.");
		} else if (t && time - t.t0 > 3e4)
			this.#try(t.i);
		else if (t && !m && !p && time - t.t0 > 1e3 && time >= this.#next)
			this.#ask();
		else if (m && !t && time - m.at > m.limit * this.#slack)
			this.#try(this.#i, slept ? {} : { probe: true, beat: 1 });
		else if (m && !t && !set.known && time - m.t0 > 2e4) {
			set.known = 1;
			this.#try(this.#i);
		} else if (!m && !t && !p && time >= this.#next)
			this.#try(this.#i);
		else if (!t && this.#up && time > this.#up && this.readyState === 1) {
			this.#set = { n: (set.n ?? 0) + 1, known: 0 };
			this.#i = this.#up = 0;
			this.#drop(p);
			this.#try(0);
			if (!m)
				this.#ask();
		}
	}

	// Beside what runs.  The polls carry the page meanwhile.
	#try(i, more) {
		this.#drop(this.#trial);
		if (this.#ways[i] === "poll")
			this.#ask();
		else
			this.#trial = this.#open(this.#ways[i], { i, ...more });
	}

	#ask() {
		if (!this.#poll && this.#ways.includes("poll"))
			this.#poll = this.#open("poll", {
				age: this.#main || this.readyState !== 1 ? 0 : this.#trial ? 1 : 20,
			});
	}

	// A poll has had its whole answer.
	#polled(c, time) {
		const t = this.#trial, m = this.#main, took = time - c.t0 - c.age * 1e3;

		this.#ok = time;
		this.#fails = 0;
		this.#next = time + c.retry;
		if (m) {
			m.off = Math.max(m.off, c.off);
			if (m.late > 1 && took < 1e3 && m.raw - m.off > 1500)
				this.#down(m, "Events come late: " + (m.raw - m.off) + " ms.");
			m.late = 0;
		} else if (!t) {
			if (this.#ways[this.#i] === "poll")
				this.#settle();
		} else if (c.t0 - t.t0 > 2500)
			this.#try(t.i); // it was asked for while the network was away
		else if (time - t.t0 > (t.way === "padded" ? 2200 : 1e3))
			t.doubt ??= time + 250 + took / 2;
	}
	#ok = 0;

	#down(c, why) {
		this.#drop(c);
		this.#why = why;
		this.#i = Math.min(c.i + 1, this.#ways.length - 1);
		this.#try(this.#i);
		this.#ask();
	}

	#settle() {
		const m = this.#main, way = !m ? "poll" : m.post ? "post"
		    : m.age && m.way === "stream" ? "short" : m.way;
		const why = this.#up || this.#i ? this.#why : "Nothing is in the way.";

		if (way === this.way && why === this.why)
			return;
		this.way = way;
		this.why = why;
		this.#save();
		this.#tell();
		this.#fire(new Event("way"));
		this.#report();
	}

	#save() {
		Object.assign(this.#set, { way: this.#ways[this.#i], why: this.why, at: now() });
		put("localStorage", this.#site, JSON.stringify(this.#set));
		this.#plan();
	}

	#report() {
		const { way, why, url } = this, to = this.#o.report;

		if (typeof to === "function")
			to({ way, why, url });
		else if (to)
			env.navigator?.sendBeacon?.(to, JSON.stringify({ way, why, url }));
	}

	/* --- ends -------------------------------------------------------------- */

	#over(c, status) {
		const main = c === this.#main, poll = c === this.#poll, time = now();

		this.#drop(c);
		if (status === 401)
			this.#deny();
		if (c.reason === "token" || c.reason === "revoked")
			this.#token = null;
		if (poll)
			c.spoke && c.retry !== undefined ? this.#polled(c, time) : this.#lost(c, status);
		else if (main) {
			if (time - c.t0 > 5e3)
				this.#fails = this.#since = 0;
			if (c.retry === undefined)
				this.#cut(time - c.t0, time - c.at, c.gap);
			this.#lost(c, status);
		} else if (status && !this.#main && this.#ok > c.t0 - 5e3)
			this.#down(c, "The way " + c.way + " is refused: " + status + ".");
		else
			this.#lost(c, status);
		this.#arm(0);
	}
	#since = 0;

	#lost(c, status) {
		const time = now();

		if (!this.#leads) {
			this.#hole = true;
			this.#next = time + 1e3;
			return;
		}
		if (this.#main && time - this.#main.at < this.#main.limit)
			return;
		this.#drop(this.#main);
		if (c.retry !== undefined) {
			this.#next = time + c.retry;
			if (c.spoke && c.reason === "age" && c.age)
				return;
		} else {
			this.#since ||= time;
			const cap = status > 399 && status < 500 || time - this.#since > 6e4 ? 3e4 : 1500;

			if (status)
				this.#fails ||= 1;
			this.#next = time + (this.#fails
			    ? Math.min(cap, 500 * 2 ** this.#fails) * (1 + Math.random()) / 2
			    : Math.random() * 100);
			this.#fails++;
			if (status === 401 && this.#refused < 3)
				this.#next = 0;
		}
		if (!this.#poll || !this.#trial)
			this.#state(0);
	}

	// A new token, or the same in the body, for ways that strip headers.
	#deny() {
		this.#token = null;
		this.#refused++;
		if (this.#o.token && (this.#refused > 1 || typeof this.#o.token !== "function"))
			this.#set.body = !this.#set.body;
	}

	// Two cuts that are alike: of streams that are idle, or of an age.
	#cut(life, idle, gap) {
		const near = (a, b) => Math.abs(a - b) < 500 + a / 20, old = this.#old;

		this.#old = { life, idle };
		if (!old)
			return;
		if (idle > 2e3 && idle > gap + 500 && near(idle, old.idle)) {
			this.#set.beat = Math.max(1, Math.floor(idle * .6 / 1e3));
			this.#why = "Idle streams are cut after " + Math.round(idle / 1e3) + " s.";
		} else if (life > 4e3 && near(life, old.life)) {
			this.#set.age = Math.floor(life * .8 / 1e3);
			this.#why = "Streams are cut after " + Math.round(life / 1e3) + " s.";
		} else
			return;
		this.#save();
	}
	#old;

	#end() {
		this.readyState = 2;
		this.#tell();
		this.close();
		this.#fire(new Event("error"));
	}

	#kick(ms) {
		const t = this.#trial, m = this.#main, p = this.#poll, time = now();

		this.#fails = this.#since = this.#next = 0;
		if (!this.#leads || m && time - m.at < ms)
			return;
		if (p && time - p.t0 > 1e3)
			this.#drop(p);
		if (m || t && time - t.t0 > 1e3)
			this.#try(m ? this.#i : t.i);
		this.#arm(0);
	}

	/* --- tabs -------------------------------------------------------------- */

	#channel; #free; #queue; #hole; #heard;

	#start() {
		if (this.readyState === 2)
			return;
		if (this.#o.share === false || !env.navigator?.locks || !env.BroadcastChannel)
			return this.#lead();
		this.#channel = new BroadcastChannel(this.#key);
		this.#channel.onmessage = (e) => this.#hear(e.data);
		this.#channel.postMessage({ hello: 1 });
		this.#line();
		this.#heard = now();
		this.#arm(1e3);
	}

	// The tab that has the lock has the stream.
	#line(steal) {
		const queue = this.#queue = new AbortController();

		env.navigator.locks.request(this.#key, steal ? { steal } : { signal: queue.signal },
		    () => queue === this.#queue && new Promise((free) => {
			this.#free = free;
			this.#drop(this.#poll);
			this.#lead();
		})).catch(() => {
			if (queue !== this.#queue)
				return;
			this.#quiet(); // it was stolen
			this.#line();
			this.#arm(1e3);
		});
	}

	#say(what) {
		if (this.#leads)
			this.#channel?.postMessage(what);
	}

	#tell() {
		const { readyState, lastEventId, way, why } = this;

		this.#say({ readyState, lastEventId, way, why, last: this.#last, beat: this.#beat });
	}

	#know(id) {
		this.#seen.add(id);
		if (this.#seen.size > 500)
			this.#seen.delete(this.#seen.values().next().value);
	}

	#hear(m) {
		if (m.hello)
			return this.#tell();
		if (this.#leads)
			return;
		this.#heard = now();
		const at = "p" in m ? m.p : m.last, id = "p" in m ? m.id : m.last;

		if (!this.#last && !this.#wish && at) {
			this.#last = at;
			this.lastEventId = m.lastEventId ?? at;
		}
		if (m.readyState === 2)
			return this.#end();
		if (id && id !== this.#last && !this.#seen.has(id) && at !== this.#last) {
			this.#know(id);
			this.#fill();
		} else if ("p" in m) {
			if (m.id === undefined || !this.#seen.has(m.id))
				this.#give(null, m);
		}
		if ("p" in m)
			return;
		if (at === this.#last)
			this.lastEventId = m.lastEventId;
		this.#beat = m.beat;
		if (this.way !== "shared") {
			this.way = "shared";
			this.why = "Another tab has the stream: " + m.why;
			this.#fire(new Event("way"));
		}
		if (m.readyState !== this.readyState)
			this.#state(m.readyState);
	}

	// What the other tab did not tell, or we did not hear.
	#fill() {
		this.#hole = !!this.#poll;
		this.#poll ??= this.#open("poll", { age: 0 });
	}

	#watch(time) {
		const limit = this.#beat * 2e3 + 3e3;

		if (this.#hole && !this.#poll && time >= this.#next)
			this.#fill();
		if (time - this.#heard > limit && env.document?.visibilityState !== "hidden") {
			this.#heard = time;
			this.#queue.abort();
			this.#line(true);
		}
	}

	#quiet() {
		this.#leads = false;
		for (const c of this.#conns)
			this.#drop(c);
	}

	#rest() {
		const free = this.#free;

		if (this.#o.keep)
			put(this.#area, this.#key, this.lastEventId);
		clearTimeout(this.#timer);
		this.#quiet();
		const queue = this.#queue;
		this.#timer = this.#queue = this.#free = null;
		queue?.abort();
		free?.();
		this.#channel?.close();
		this.#channel = null;
		if (this.readyState === 1)
			this.readyState = 0;
	}
}
return Largesse;
})();
export { Largesse, Largesse as default };
