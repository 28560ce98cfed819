/*
 * bell.js - the page: a bell, and the number of what was not seen yet.
 *
 * The stream begins after the last notification that was seen, so whatever comes
 * is new, and nothing has to be counted elsewhere.  The tabs of a browser share
 * one stream (largesse.js): a bell is on every page of a site.
 */
"use strict";
const $ = (id) => document.getElementById(id);
const title = document.title;
let newest = 0;

const ask = async () => (await fetch("bell.php")).json();
const open = () => !$("panel").hidden;
const unread = () => $("list").querySelectorAll("[data-new]");

function count() {
	const n = unread().length;

	$("count").hidden = n === 0;
	$("count").textContent = n > 99 ? "99+" : n;
	$("bell").setAttribute("aria-label", n === 1 ? "1 new notification" : n + " new notifications");
	document.title = (n ? `(${n}) ` : "") + title;
}

function take(e) {
	const li = document.createElement("li");

	newest = parseInt(e.lastEventId);
	li.dataset.id = newest;
	li.dataset.new = "";
	li.textContent = e.data;
	$("list").prepend(li);
	count();
	if (open() && !document.hidden)
		see();
}

/* To the server; it comes back by the stream, to this tab and to all others. */
const see = () => unread().length && fetch("bell.php", { method: "POST",
    headers: { "Content-Type": "application/json" }, body: JSON.stringify({ seen: newest }) });

function seen(e) {
	for (const li of unread())
		if (+li.dataset.id <= +e.data)
			delete li.dataset.new;
	count();
}

function toggle(show = !open()) {
	$("panel").hidden = !show;
	$("bell").setAttribute("aria-expanded", show);
	if (show)
		see();
}

$("bell").onclick = () => toggle();
onkeydown = (e) => { e.key === "Escape" && open() && (toggle(false), $("bell").focus()); };
document.onvisibilitychange = () => open() && !document.hidden && see();

async function begin() {
	const { topic, seen: from } = await ask();
	const stream = new Largesse("/events", { topics: [topic], lastEventId: from,
	    token: async () => (await ask()).token });

	stream.onopen = () => { document.body.dataset.state = "live"; };
	stream.onmessage = take;
	stream.addEventListener("seen", seen);
}
begin();
