/*
 * demo.js - the demo page: one EventSource, and an account of what it brings.
 *
 * Three things are counted, each by its own rule.  Missing: the publisher
 * numbers its figures (`n`), so a hole in the numbers is a lost row; ids would
 * not do, for rows of topics that we did not ask for take ids too.  Repeated:
 * an id that was here before.  Delay: from the time that the publisher put
 * into the row at its INSERT to its arrival here, by two clocks, which are one
 * where browser and server run on the same machine.
 */
"use strict";

const EVENTS = document.body.dataset.events || "events";
const TOPICS = ["load", "news", "demo"];
const HISTORY = 70;		/* rows to begin with: what the chart shows */
const SETTLED_MS = 500;		/* from then on, a row without time is new */
const CUT_S = 5;
const AGAIN_MS = 3000;		/* after EventSource has given up */
const ROWS = 9;		/* in the list */

const $ = (id) => document.getElementById(id);
const put = (id, text) => { $(id).textContent = text; };
const chart = new Chart([...document.querySelectorAll(".lane")]);

const account = { received: 0, missing: 0, repeated: 0, reconnects: 0 };
const seen = new Set();		/* ids, the newest few thousand */
const delays = [];		/* ms, of the newest live figures */
let stream = null;
let last_id = null;
let last_n = null;
let started_ms = 0;		/* when the stream last said stream-start */
let tries = 0;			/* since it was last open */
let band = null;		/* on the chart, while the line is cut */
let cut = null;			/* the cut under way or under examination */

function count(what, by) {
	account[what] += by;
	put(what, account[what].toLocaleString("en"));
	if (what === "missing" || what === "repeated")
		$("tile-" + what).classList.toggle("bad", account[what] > 0);
}

function state(name, more) {
	$("state").dataset.state = name;
	put("state", name + (more ? " " + more : ""));
}

/* An id is `41-k52q': the number, and a check that the server wants back. */
function number_of(id) {
	return id.replace(/^(\d+)-[a-z][a-z2-9]{3}$/, "$1");
}

function know(id) {
	if (id === "")
		return;
	last_id = id;
	put("last-id", number_of(id));
}

/* --- the connection ----------------------------------------------------- */

function address() {
	const q = new URLSearchParams(TOPICS.map((t) => ["topic", t]));

	if (last_id === null)
		q.set("last", HISTORY);
	else
		q.set("lastEventId", last_id);
	return EVENTS + "?" + q;
}

function connect() {
	state(tries ? "reconnecting" : "connecting", tries ? `(${tries})` : "");
	stream = new EventSource(address());
	stream.onerror = failed;
	stream.onmessage = (e) => take(e, "message");
	stream.addEventListener("figures", (e) => take(e, "figures"));
	stream.addEventListener("stream-start", start);
	stream.addEventListener("stream-gap", gap);
}

/*
 * A broken line EventSource mends itself, with its Last-Event-ID.  After an
 * error status it gives up for good: then we ask again, with the same id.
 */
function failed() {
	tries++;
	count("reconnects", 1);
	broken();
	if (stream.readyState === EventSource.CONNECTING)
		return state("reconnecting", `(${tries})`);
	state("closed", `(refused, again in ${AGAIN_MS / 1000} s)`);
	setTimeout(connect, AGAIN_MS);
}

function broken() {
	if (band)
		return;
	band = { from: Date.now() - chart.skew, to: null };
	chart.cuts.push(band);
	chart.cuts.splice(0, chart.cuts.length - 8);
}

function start(e) {
	tries = 0;
	started_ms = Date.now();
	if (band)
		band.to = started_ms - chart.skew;
	band = null;
	know(e.lastEventId);
	state("open");
	row("start", number_of(e.lastEventId), "stream-start", "",
	    (account.received ? "goes on" : "starts") + " after id " +
	    number_of(e.lastEventId));
	if (!cut)
		return;
	cut.back_s = (started_ms - cut.from_ms) / 1000;
	cut.timer = setTimeout(judge, 2500);
}

function gap(e) {
	let why = e.data;

	try {
		why = JSON.parse(e.data).reason || why;
	} catch { /* then as it is */ }
	know(e.lastEventId);
	last_n = null;		/* said, so not to be counted as missing */
	seen.clear();		/* another log may have the same ids */
	if (cut)
		cut.gap = why;
	row("gap", number_of(e.lastEventId), "stream-gap", "", "a place is gone: " + why);
}

/* --- what it brings ----------------------------------------------------- */

function take(e, kind) {
	const now = Date.now();
	const figures = kind === "figures" ? parse(e.data) : null;
	const late = figures !== null && figures.time < started_ms - chart.skew;

	know(e.lastEventId);
	count("received", 1);
	if (seen.has(e.lastEventId))
		count("repeated", 1);
	seen.add(e.lastEventId);
	if (seen.size > 5000)
		seen.delete(seen.values().next().value);
	if (figures === null) {
		if (now - started_ms > SETTLED_MS)
			chart.mark(now - chart.skew, e.data);
		put("said", "Message: " + e.data);
		row(kind, number_of(e.lastEventId), kind, "", e.data);
	} else {
		number(figures.n);
		row(kind, number_of(e.lastEventId), kind,
		    measure(now - figures.time, late), e.data);
		show(figures, late);
	}
	if (cut && cut.timer)
		examine(number_of(e.lastEventId), late || figures === null);
}

function parse(text) {
	try {
		const f = JSON.parse(text);

		return Number.isFinite(f.time) && Number.isFinite(f.cpu) ? f : null;
	} catch {
		return null;
	}
}

function number(n) {
	if (last_n !== null && n > last_n + 1)
		count("missing", n - last_n - 1);
	last_n = n;		/* a smaller one: another publisher began */
}

/* Says how long a figure took, and keeps the delays of those not kept back. */
function measure(ms, late) {
	if (late)
		return `kept ${((ms - chart.skew) / 1000).toFixed(1)} s`;
	if (Math.abs(ms - chart.skew) > 2000)
		chart.skew = ms;	/* two clocks: measure against this */
	ms -= chart.skew;
	delays.push(ms);
	delays.splice(0, delays.length - 60);
	const sorted = delays.slice().sort((a, b) => a - b);
	put("delay", `${ms} ms`);
	put("delay-median", chart.skew ? "clocks differ: relative" :
	    `median ${sorted[sorted.length >> 1]} ms`);
	return `${ms} ms`;
}

function show(f, late) {
	$("waiting").hidden = true;
	put("cpu", f.cpu.toFixed(0) + " %");
	put("load", f.load.toFixed(2));
	put("mem", (f.mem / f.memtotal * 100).toFixed(0) + " %");
	put("memtotal", `${bytes(f.mem)} of ${bytes(f.memtotal)}`);
	put("rx", bytes(f.rx) + "/s");
	put("tx", bytes(f.tx) + "/s");
	chart.add({ ...f, late: late && account.reconnects > 0,
	    mempart: f.mem / f.memtotal * 100 });
}

/* --- the list ----------------------------------------------------------- */

/* Figures come every second: a run of them is one row. */
function row(kind, id, name, delay, data) {
	const list = $("events"), top = list.firstElementChild;

	if (kind === "figures" && top && top.dataset.kind === kind) {
		top.dataset.count++;
		fill(top, `${top.dataset.first}\u2013${id}`,
		    `${top.dataset.count} \u00d7 ${name}`, delay, data);
		return;
	}
	const li = document.createElement("li");
	for (const part of ["id", "kind", "delay", "data"])
		li.append(Object.assign(document.createElement("span"),
		    { className: part }));
	Object.assign(li.dataset, { kind, first: id, count: 1 });
	fill(li, id, name, delay, data);
	li.classList.add("new");
	list.prepend(li);
	while (list.children.length > ROWS)
		list.lastElementChild.remove();
}

function fill(li, id, kind, delay, data) {
	li.dataset.id = id;
	[id, kind, delay, data].forEach((text, i) => {
		li.children[i].textContent = text;
	});
}

/* --- the cut ------------------------------------------------------------ */

function cut_now() {
	clearTimeout(cut && cut.timer);
	stream.close();
	broken();
	cut = { from_ms: Date.now(), id: number_of(last_id || ""), came: 0,
	    first: null, last: null, missing: account.missing, repeated: account.repeated };
	row("cut", cut.id, "cut", "", "connection closed by this page");
	$("verdict").dataset.verdict = "none";
	put("verdict", `Cut after id ${cut.id}. Rows go on being written.`);
	wait(CUT_S);
}

function wait(seconds) {
	$("cut").disabled = seconds > 0;
	put("cut", seconds > 0 ? `Back in ${seconds} s` :
	    `Cut for ${CUT_S} seconds`);
	if (seconds === 0) {
		count("reconnects", 1);
		return connect();
	}
	state("cut", `(back in ${seconds} s)`);
	setTimeout(wait, 1000, seconds - 1);
}

/* After the cut: count what was kept for us, until the first live figure. */
function examine(id, kept) {
	if (!kept)
		return judge();
	cut.came++;
	cut.first ??= id;
	cut.last = id;
}

function judge() {
	const missing = account.missing - cut.missing;
	const repeated = account.repeated - cut.repeated;
	const whole = missing === 0 && repeated === 0 && !cut.gap;

	clearTimeout(cut.timer);
	$("verdict").dataset.verdict = whole ? "whole" : "broken";
	put("verdict", `Cut after id ${cut.id}, back after ` +
	    `${cut.back_s.toFixed(1)} s. ` + (cut.came === 0 ?
	    "No row was written meanwhile" : `${cut.came} rows written ` +
	    `meanwhile came at once, ids ${cut.first} to ${cut.last}`) +
	    `: ${missing} missing, ${repeated} repeated.` +
	    (cut.gap ? ` The server said that a place is gone: ${cut.gap}.` : ""));
	cut = null;
}

/* --- the page ----------------------------------------------------------- */

async function copy() {
	const range = document.createRange();

	range.selectNodeContents($("insert"));
	getSelection().removeAllRanges();
	getSelection().addRange(range);
	try {
		await navigator.clipboard.writeText($("insert").textContent);
		put("copy", "Copied");
	} catch {		/* not on https or localhost */
		put("copy", "Selected");
	}
	setTimeout(put, 2000, "copy", "Copy");
}

function tick() {
	const s = Math.round((Date.now() - started_ms) / 1000);

	if ($("state").dataset.state === "open")
		put("since", s < 120 ? `open for ${s} s` :
		    `open for ${Math.floor(s / 60)} min`);
	else
		put("since", "not open");
}

$("copy").addEventListener("click", copy);
$("cut").addEventListener("click", cut_now);
setInterval(tick, 1000);
connect();
