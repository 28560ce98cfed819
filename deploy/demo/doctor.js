/*
 * doctor.js - ticks from /events/probe, as they were sent and as they came.
 *
 * The two clocks differ, so a tick's lateness is counted against the one that
 * came fastest, as `largesse doctor` does.  Until a tick is here nobody knows
 * when it was sent; it is drawn hollow where it is due, so that a row that
 * fills above while nothing comes below shows what a buffer does.
 */
"use strict";

const EVENTS = document.body.dataset.events || "events";
const HELD_MS = 250;		/* as in fcgi/doctor/visit.c */
const LATE_MS = 100;		/* late, where ticks are gathered */
const LEFT = 92, RIGHT = 24, TOP = 24, BOTTOM = 150;	/* of the drawing */
const SVG = "http://www.w3.org/2000/svg";

const $ = (id) => document.getElementById(id);
const put = (id, text) => { $(id).textContent = text; };

let probe = null;		/* the one under way, or the last one */

function state(name, word) {
	$("state").dataset.state = name;
	put("state", word);
}

function verdict(kind, text) {
	$("verdict").dataset.verdict = kind;
	put("verdict", text);
	$("ticks").setAttribute("aria-label", "Ticks. " + text);
}

/* --- asking ------------------------------------------------------------- */

function ask() {
	const form = new FormData($("ask"));
	const [ticks, every] = form.get("ticks").split(",").map(Number);
	const size = Number(form.get("size"));

	if (probe && probe.source)
		probe.source.close();
	/* Does a cookie come through?  This one says nothing. */
	document.cookie = "largesse_doctor=1; max-age=60; SameSite=Lax";
	const url = new URL(`${EVENTS}/probe?ticks=${ticks}&every=${every}` +
	    `&size=${size}`, location.href);
	probe = { ticks, every, size, url: url.href, came: [], over: false,
	    asked_ms: performance.now(), source: new EventSource(url) };
	probe.source.addEventListener("stream-probe", take);
	probe.source.addEventListener("stream-start", not_a_probe);
	probe.source.onerror = failed;
	clear();
	requestAnimationFrame(draw);
}

function clear() {
	protocol();
	put("came", "0");
	put("of", `of ${probe.ticks}`);
	for (const id of ["late", "first", "software", "heartbeat"])
		put(id, "\u2013");
	put("gateway", "\u00a0");
	$("tile-late").className = "";
	$("arrived").replaceChildren();
	verdict("none", "");
	state("connecting", "listening");
}

/* --- what comes --------------------------------------------------------- */

function take(e) {
	const now = performance.now(), tick = JSON.parse(e.data);

	if (probe.came.length === 0)
		put("first", ms(now - probe.asked_ms));
	probe.came.push({ n: tick.n, sent: tick.sent, came: now });
	if (tick.echo)
		arrived(tick.echo);
	put("came", String(probe.came.length));
	measure();
	if (tick.n < tick.of)
		return;
	probe.source.close();	/* or it would come back and ask again */
	finish();
}

function not_a_probe() {
	probe.source.close();
	probe.over = true;
	state("closed", "no probe");
	verdict("bad", "The address below /events answers as /events does: " +
	    "the web server does not pass on the path (PATH_INFO).");
}

/* Ended before its last tick, or never begun. */
function failed() {
	const gone = probe.source.readyState === EventSource.CLOSED;

	probe.source.close();
	probe.over = true;
	state("closed", "ended");
	if (gone)
		verdict("bad", "The answer is no stream: EventSource gave up, " +
		    "as any page would. largesse doctor says what came.");
	else if (probe.came.length === 0)
		verdict("bad", "No tick came: nobody answers, or the " +
		    "responder has no room for a probe now.");
	else
		verdict("bad", `Cut after ${probe.came.length} of ` +
		    `${probe.ticks} ticks.`);
	measure();
}

/* How late each is, against the one that came fastest. */
function measure() {
	const took = probe.came.map((t) => t.came - t.sent);
	const fastest = Math.min(...took);
	let latest = 0;

	probe.came.forEach((t, i) => {
		t.late = took[i] - fastest;
		latest = Math.max(latest, t.late);
	});
	if (probe.came.length > 1) {
		put("late", ms(latest));
		$("tile-late").className = probe.came.some(is_late) ? "bad" :
		    "good";
	}
	return latest;
}

/*
 * One rule for the dots, the tile and the verdict: what is drawn red is what
 * the verdict is about.  A busy machine alone makes a tick a little late.
 */
function is_late(t) {
	return t.late > (is_gathered() ? LATE_MS : HELD_MS);
}

function is_gathered() {
	return probe.came.length > 3 && heaps() * 4 >= probe.came.length;
}

/* Neighbours that were sent apart and came together. */
function heaps() {
	let n = 0;

	for (let i = 1; i < probe.came.length; i++) {
		const a = probe.came[i - 1], b = probe.came[i];

		n += b.came - a.came < (b.sent - a.sent) / 4;
	}
	return n;
}

function finish() {
	const latest = measure(), n = probe.came.length;
	const late = probe.came.filter((t) => t.late > HELD_MS).length;
	const odd = probe.came.filter(is_late).length;

	probe.over = true;
	if (late * 2 >= n) {
		state("closed", "held back");
		verdict("bad", `Held back: ${n} ticks came up to ${ms(latest)} ` +
		    "late, in heaps. Something on the way passed nothing on " +
		    (n - late <= 5 ? "before the end." :
		    "until it had enough."));
	} else if (is_gathered()) {
		state("closed", "gathered");
		verdict("bad", "Gathered: ticks came two and three together, " +
		    `up to ${ms(latest)} late. Something on the way waits for ` +
		    "more to send.");
	} else if (odd > 0) {
		state("open", "mostly on time");
		verdict("fair", `Mostly on time: ${n - odd} of ${n} ticks. ` +
		    `${odd === 1 ? "One came" : `${odd} came`} up to ` +
		    `${ms(latest)} late. A busy machine does that now and ` +
		    "then: ask again.");
	} else {
		state("open", "on time");
		verdict("good", `On time: ${n} ticks, each by itself, none more ` +
		    `than ${ms(latest)} later than the fastest.`);
	}
}

function ms(n) {
	return n < 999.5 ? `${Math.round(n)} ms` : `${(n / 1000).toFixed(1)} s`;
}

/* --- the request, at the other end -------------------------------------- */

/* Of an EventSource the browser does not tell: the page's own, same host. */
function protocol() {
	const [page] = performance.getEntriesByType("navigation");
	const known = { "http/1.1": "HTTP/1.1", h2: "HTTP/2", h3: "HTTP/3" };
	const name = page && known[page.nextHopProtocol];

	put("protocol", name || "\u2013");
	put("streams", !name ? "\u00a0" : name === "HTTP/1.1" ?
	    "six streams a host" : "many streams a line");
}

function arrived(echo) {
	const between = echo.protocol || "not told";

	put("software", echo.software || "not told");
	put("gateway", `largesse by ${echo.gateway === "cgi" ? "CGI, a process " +
	    "a stream" : "FastCGI"}`);
	put("heartbeat", `${echo.heartbeat_ms / 1000} s`);
	row("Query", yes(echo.query), echo.query > 0);
	row("Path below the mount", yes(echo.path), echo.path > 0);
	row("Address of the client", yes(echo.address), echo.address > 0);
	row("Cookie", yes(echo.cookie), echo.cookie > 0);
	row("Accept-Encoding", yes(echo.accept_encoding), null);
	row("Protocol, as the last server was asked", between,
	    echo.protocol ? between !== "HTTP/1.0" : null);
	row("Scheme", echo.scheme || "not told", null);
	if (echo.via || echo.forwarded_for > 0)
		row("Proxies on the way", echo.via ||
		    `${echo.forwarded_for} by X-Forwarded-For`, null);
}

function yes(bytes) {
	return bytes > 0 ? "arrived" : "lost";
}

function row(name, value, good) {
	const div = document.createElement("div");

	for (const [tag, text] of [["dt", name], ["dd", value]])
		div.append(Object.assign(document.createElement(tag),
		    { textContent: text }));
	if (good !== null)
		div.lastChild.className = good ? "good" : "bad";
	$("arrived").append(div);
}

/* --- the drawing -------------------------------------------------------- */

function add(svg, name, attributes, text) {
	const e = document.createElementNS(SVG, name);

	for (const [key, value] of Object.entries(attributes))
		e.setAttribute(key, value);
	if (text !== undefined)
		e.textContent = text;
	svg.append(e);
}

/* ms since the first tick was sent, to pixels; late ones have to fit. */
function scale(width, now) {
	const sent = (probe.ticks - 1) * probe.every;
	const last = Math.max(sent * 1.08, now, ...probe.came.map(
	    (t) => t.sent - probe.came[0].sent + t.late));

	return (t) => LEFT + t / last * (width - LEFT - RIGHT);
}

function draw_axes(svg, width, x) {
	const whole = (probe.ticks - 1) * probe.every;
	const step = whole > 5000 ? 2000 : 500;

	for (const [y, name] of [[TOP, "sent"], [BOTTOM, "received"]]) {
		add(svg, "text", { class: "row", x: 0, y: y + 5 }, name);
		add(svg, "line", { class: "axis", x1: LEFT - 14, y1: y,
		    x2: width - 8, y2: y });
	}
	for (let t = 0; t <= whole + 50; t += step)
		add(svg, "text", { x: x(t), y: BOTTOM + 30 },
		    `${(t / 1000).toFixed(1)} s`);
}

function draw_tick(svg, x, t) {
	const from = x(t.sent - probe.came[0].sent);
	const to = x(t.sent - probe.came[0].sent + t.late);
	const kind = is_late(t) ? "bad" : "good";

	add(svg, "path", { class: kind, d: `M${from} ${TOP}C${from} ` +
	    `${TOP + 60} ${to} ${BOTTOM - 60} ${to} ${BOTTOM}` });
	add(svg, "circle", { class: kind, cx: from, cy: TOP, r: 5.5 });
	add(svg, "circle", { class: kind, cx: to, cy: BOTTOM, r: 5.5 });
}

function draw() {
	const svg = $("ticks"), width = svg.clientWidth;
	const now = probe.over ? 0 : Math.min(performance.now() -
	    probe.asked_ms, (probe.ticks - 1) * probe.every * 1.08);
	const x = scale(width, 0);

	svg.replaceChildren();
	draw_axes(svg, width, x);
	for (let i = probe.came.length; i < probe.ticks; i++)
		if (probe.over || i * probe.every <= now)
			add(svg, "circle", { class: "plan",
			    cx: x(i * probe.every), cy: TOP, r: 5 });
	for (const t of probe.came)
		draw_tick(svg, x, t);
	if (!probe.over)
		requestAnimationFrame(draw);
}

/* --- the page ----------------------------------------------------------- */

put("command", `largesse doctor ${new URL(EVENTS, location.href).href}`);
$("ask").addEventListener("submit", (e) => {
	e.preventDefault();
	ask();
});
$("ask").addEventListener("change", ask);
addEventListener("resize", () => { if (probe.over) draw(); });
ask();
