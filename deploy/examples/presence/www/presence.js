/*
 * presence.js - the page: it says that it is here, and shows who else is.
 *
 * The list is not kept anywhere: it is what was said in the last 90 seconds.  A
 * page that is closed says so.  One that was killed, or lost its network, cannot,
 * and is taken out when it has been silent for 90 seconds.
 */
"use strict";
const $ = (id) => document.getElementById(id);
const url = "here.php?page=" + (new URLSearchParams(location.search).get("page") ?? 1);
const SAY_S = 30, SILENT_S = 90;
const who = sessionStorage.who ??= crypto.randomUUID?.() ?? String(Math.random());
const people = new Map();
let left = false;
let clock = { time: 0, at: 0 };		/* the server's, in seconds, and ours then */

function say(state = document.hidden ? "away" : "here") {
	const row = JSON.stringify({ who, name: $("name").value || "Guest", state });

	navigator.sendBeacon(url, new Blob([row], { type: "application/json" }));
}

function person({ who: id, name, state }) {
	const li = document.createElement("li");

	li.dataset.state = state;
	li.style.setProperty("--turn", [...id].reduce((n, c) => n * 31 + c.charCodeAt() & 0xffff, 7) % 360);
	li.append(Object.assign(document.createElement("i"), { textContent: [...name][0] }),
	    name + (id === who ? " (you)" : ""));
	return li;
}

function draw() {
	const now = clock.time + (performance.now() - clock.at) / 1000;

	for (const [id, row] of people)
		if (row.state === "gone" || row.time < now - SILENT_S)
			people.delete(id);
	const rows = [...people.values()].sort((a, b) => a.name.localeCompare(b.name));
	$("list").replaceChildren(...rows.map(person));
	$("state").textContent = rows.length === 1 ? "1 is here" : rows.length + " are here";
}

async function begin() {
	const ask = async () => (await fetch(url)).json();
	const stream = new Largesse("/events?since=90s", { topics: [(await ask()).topic],
	    token: async () => (await ask()).token });

	stream.onopen = () => say();		/* also when it came back */
	stream.onmessage = (e) => {
		const row = JSON.parse(e.data);

		if (row.time >= clock.time)
			clock = { time: row.time, at: performance.now() };
		people.set(row.who, row);
		draw();
	};
}

$("name").value = localStorage.name ?? "Guest " + who.slice(0, 2);
$("name").onchange = () => { localStorage.name = $("name").value; say(); };
document.onvisibilitychange = () => left || say();
onpagehide = () => { say("gone"); left = true; };	/* it becomes hidden after that */
onpageshow = (e) => { left = false; e.persisted && say(); };
setInterval(() => say(), SAY_S * 1000);
setInterval(() => people.size && draw(), 1000);
begin();
