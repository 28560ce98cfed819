/*
 * way.js - by which way events reach this page, for people who are no engineers.
 *
 * largesse.js finds its way by itself; here it says which, why, and when that
 * changed.  An EventSource of the browser has the same topics beside it.  What
 * comes to one of the two and not to the other, and for how long, shows what
 * the way does to a page that has only that.
 *
 * The page has a stream of its own also where other tabs have one: it is to
 * say what this browser gets from here, and not what another tab told it.
 */
"use strict";

(() => {
const BEHIND_MS = 2000;		/* an event that the other has had so long */
const SAME_MS = 500;		/* two that came so close came together */
const NO_WAY_MS = 8000;
const FIRST_MS = 3000;		/* until a stream that did not begin is mute */
const KEPT = 10000;		/* ids that the other has not had yet */
const ROWS = 8;			/* of what happened */

const WORDS = {
	stream: ["At once: one stream, and each event the moment it is sent.",
	    "good"],
	padded: ["At once, with filler: each event has some bytes behind it " +
	    "that push it through.", "fair"],
	short: ["At once, in pieces: the stream is asked for anew before " +
	    "something cuts it.", "fair"],
	post: ["At once, as a form: something holds back what a browser " +
	    "asks for with GET, but not the answer to a form.", "fair"],
	poll: ["By asking again and again: each answer is complete, so " +
	    "nothing holds it back.", "fair"],
	shared: ["By another tab of this site, which has the stream.", "good"],
};

/* A stream that has something in its way need not be at once. */
const HARMED = ["By one stream, although something is in its way.", "fair"];
const WELL = "Nothing is in the way.";

const $ = (id) => document.getElementById(id);
const started_ms = performance.now();

/* One of the two, and its half of the card. */
class Half {
	constructor(id) {
		this.box = $(id);
		this.ahead = new Map();	/* what the other has not had: id, when */
		this.count = 0;
		this.newest_ms = null;
		this.open = false;
		this.told = "";
		this.later_ms = 0;	/* than the other, at most */
	}

	put(name, text) {
		this.box.querySelector("." + name).textContent = text;
	}

	/* kind: good, bad or wait */
	say(text, kind) {
		this.box.dataset.kind = kind;
		if (text !== this.told)
			this.put("says", text);
		this.told = text;
	}

	take(e, other) {
		const at = other.ahead.get(e.lastEventId);

		this.count++;
		this.newest_ms = performance.now();
		if (at > this.since_ms)
			this.later(this.newest_ms - at);
		if (other.ahead.delete(e.lastEventId))
			return;
		this.ahead.set(e.lastEventId, this.newest_ms);
		if (this.ahead.size > KEPT)
			this.ahead.delete(this.ahead.keys().next().value);
	}

	later(ms) {
		this.later_ms = Math.max(this.later_ms, ms);
	}

	/* Events that the other has had for a while: how many, since when. */
	behind(other, now) {
		let n = 0, first = now;

		for (const at of other.ahead.values())
			if (at > this.since_ms && now - at > BEHIND_MS) {
				n++;
				first = Math.min(first, at);
			}
		this.later(n > 0 ? now - first : 0);
		return { n, ms: now - first };
	}
}

const mine = new Half("mine"), native = new Half("native");

/* --- what happened ------------------------------------------------------ */

function clock() {
	return new Date().toLocaleTimeString([], { hour: "2-digit",
	    minute: "2-digit", second: "2-digit", hour12: false });
}

/* The newest first. */
function happened(text, kind) {
	const li = document.createElement("li");

	li.dataset.kind = kind;
	li.append(Object.assign(document.createElement("time"),
	    { textContent: clock() }), " " + text);
	$("changes").prepend(li);
	while ($("changes").children.length > ROWS)
		$("changes").lastChild.remove();
}

/* --- largesse.js -------------------------------------------------------- */

let way = "", why = "";

function words() {
	return way === "stream" && why !== WELL ? HARMED :
	    WORDS[way] || [`${way}.`, "fair"];
}

/* What there is to read at the top: the way, or that there is none now. */
function show(text, kind) {
	$("way").dataset.kind = kind;
	if ($("way").textContent !== text)
		$("way").textContent = text;
	$("hint").hidden = kind !== "fair";
}

function show_way(now) {
	if (way && mine.open)
		show(...words());
	else if (mine.open)
		show("Events come. The best way for them is looked for \u2026",
		    "none");
	else if (mine.ended)
		show("There is no more to come from this site.", "none");
	else if (way)
		show("Not connected at the moment. It is tried again.", "bad");
	else if (now - started_ms > NO_WAY_MS)
		show("No way was found yet. All of them are tried again and " +
		    "again.", "bad");
}

function changed(source) {
	const news = !way ? "Found a way" :
	    way === source.way ? "The same way" : "Another way";

	({ way, why } = source);
	happened(`${news}: ${way}. ${why}`, words()[1]);
	$("way").dataset.way = way;
	$("why").textContent = why;
}

function opened() {
	if (mine.lost)
		happened("Back again. What was sent meanwhile is here, too.",
		    "good");
	mine.open = true;
	mine.lost = false;
	mine.since_ms ??= performance.now();
}

function lost(source) {
	mine.ended = source.readyState === 2;
	if (mine.open)
		happened(mine.ended ?
		    "The site says that there is no more to come." :
		    "The connection is lost. It is tried again.", "bad");
	mine.lost ||= mine.open;
	mine.open = false;
}

function listen(source, half, other) {
	const take = (e) => half.take(e, other);

	source.addEventListener("message", take);
	source.addEventListener("figures", take);
}

function begin_mine(url) {
	const source = new Largesse(url, { share: false });

	source.onway = () => changed(source);
	source.onopen = opened;
	source.onerror = () => lost(source);
	listen(source, mine, native);
	return source;
}

/* --- the browser's own -------------------------------------------------- */

function begin_native(url) {
	const source = new EventSource(url);

	source.onopen = () => {
		native.open = true;
		native.since_ms ??= performance.now();
	};
	source.onerror = () => { native.open = false; };
	listen(source, native, mine);
	return source;
}

/* --- twice a second ------------------------------------------------------ */

function seconds(ms) {
	return ms < 99500 ? `${Math.round(ms / 1000)}\u00a0s` :
	    `${Math.round(ms / 60000)}\u00a0min`;
}

function ago(ms) {
	return ms < 1500 ? "just now" : seconds(ms) + " ago";
}

function behind(half, other, now) {
	const { n, ms } = half.behind(other, now);

	return n > 0 && `${n === 1 ? "one event is" : n + " events are"} ` +
	    `missing here, for ${seconds(ms)}`;
}

function judge(half, other, source, again, now) {
	const late = half.since_ms !== undefined && behind(half, other, now);

	half.put("count", half.count.toLocaleString("en"));
	half.put("newest", half.newest_ms === null ? "\u2013" :
	    ago(now - half.newest_ms));
	half.put("later", half.count === 0 ? "\u2013" :
	    half.later_ms < SAME_MS ? "never" :
	    `up to ${(half.later_ms / 1000).toFixed(1)}\u00a0s`);
	if (source.readyState === 2)
		half.say("gave up: it does not try again", "bad");
	else if (late)
		half.say(late, "bad");
	else if (half.open)
		half.say(half.count > 0 ? "everything is here" :
		    "connected; nothing was published yet", "good");
	else if (half.since_ms !== undefined)
		half.say("lost; " + again, "bad");
	else if (now - started_ms < FIRST_MS)
		half.say("connecting", "wait");
	else
		half.say("nothing has come, for " +
		    seconds(now - started_ms), "bad");
}

function begin() {
	const url = new URL(document.body.dataset.events || "events",
	    location.href);

	for (const topic of document.body.dataset.topics.split(" "))
		url.searchParams.append("topic", topic);
	if (typeof Largesse === "undefined") {
		$("way").textContent = "largesse.js is not beside this page.";
		mine.say("not there", "bad");
		return;
	}
	const source = begin_mine(url.href), other = begin_native(url.href);

	setInterval(() => {
		const now = performance.now();

		show_way(now);
		judge(mine, native, source, "it is tried again", now);
		judge(native, mine, other, "the browser tries again", now);
	}, 500);
}

begin();
})();
