/*
 * score.js - the page: a match from its first row, whenever it is opened.
 *
 * Each row says all: the minute, the score, and maybe what happened.  So the
 * page can show any minute, the newest one or an older one, in one way.
 */
"use strict";
const $ = (id) => document.getElementById(id);
const match = new URLSearchParams(location.search).get("match") ?? "1";
const rows = [];
const newest = () => rows.length ? rows[rows.length - 1].minute : 0;
let live = true, timer = 0;

function item({ minute, what, text }) {
	const li = document.createElement("li");

	li.dataset.what = what;
	li.append(Object.assign(document.createElement("b"), { textContent: minute + "\u2032" }), text);
	return li;
}

/* The match as it was in this minute. */
function show(minute) {
	const seen = rows.filter((row) => row.minute <= minute), now = seen[seen.length - 1];

	$("at").value = minute;
	if (!now)
		return;			/* it has not begun */
	$("score").textContent = now.score.join(" : ");
	[$("home").textContent, $("away").textContent] = rows[0].teams;
	$("minute").textContent = now.minute + "\u2032";
	$("list").replaceChildren(...seen.filter((row) => row.text).reverse().map(item));
	$("shown").textContent = live ? $("state").textContent : "as it was in minute " + minute;
}

function go(minute, is_live = minute >= newest()) {
	live = is_live;
	clearInterval(timer);
	show(minute);
}

function mark({ minute, what }) {
	const i = $("marks").appendChild(document.createElement("i"));

	i.dataset.what = what;
	i.style.left = minute / 0.95 + "%";
}

const source = new EventSource(`events?topic=match/${match}&lastEventId=earliest`);
source.onopen = () => { $("state").textContent = document.body.dataset.state = "live"; };
source.onmessage = (e) => {
	const row = JSON.parse(e.data);

	rows.push(row);
	$("at").max = Math.max(row.minute, 95);
	if (row.what)
		mark(row);
	if (live)
		show(row.minute), $("said").textContent = row.text ?? "";
};
source.addEventListener("stream-end", () => {
	source.close();		/* a match has one end */
	$("state").textContent = document.body.dataset.state = "full time";
	if (live)
		show(newest());
});

$("at").oninput = () => go(+$("at").value);
$("live").onclick = () => go(newest());
$("replay").onclick = () => {
	go(0, false);
	timer = setInterval(() => {
		const minute = +$("at").value + 1;

		minute < newest() ? show(minute) : go(minute);
	}, 100);
};
