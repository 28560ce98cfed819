/*
 * chat.js - the page: one EventSource that brings the whole chat, and a form.
 *
 * All text comes by the stream, and `last` is the place to go on from.  Nothing
 * is kept here: after a reload, and on another device, the log says it again.
 * When the last answer has ended the stream ends, too.  EventSource comes back
 * once, is told 204, and stops by itself.
 */
"use strict";
const $ = (id) => document.getElementById(id);
const chat = new URLSearchParams(location.search).get("chat") ?? Date.now();
const url = "chat.php?chat=" + chat;
let source, busy = false, last = "earliest", heard_ms = 0;

function bubble(who, text) {
	const li = $("turns").appendChild(document.createElement("li"));
	li.className = who;
	li.textContent = text;		/* never as HTML */
}

/* What an event does, with its data and the answer that is being written. */
const take = {
	"prompt": (text) => { bubble("user", text); bubble("model", ""); },
	"again": (_, answer) => { answer.textContent = answer.dataset.how = ""; },
	"message": (text, answer) => { answer.append(text); },
	"stream-gap": (_, answer) => { answer.textContent = ""; },
	"stream-end": (how, answer) => { answer.dataset.how = how; },
};

function listen() {
	source?.close();
	source = new EventSource(url + "&lastEventId=" + last);
	for (const [type, act] of Object.entries(take))
		source.addEventListener(type, (e) => {
			[last, heard_ms, busy] = [e.lastEventId, Date.now(), type !== "stream-end"];
			act(e.data, $("turns").lastChild);
			document.body.dataset.state = $("state").textContent = busy ? "answering" : e.data;
		});
}

async function tell(what) {
	await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" },
	    body: JSON.stringify(what) });
	listen();
}

$("form").onsubmit = (e) => {
	e.preventDefault();
	tell({ prompt: $("prompt").value }).then(() => e.target.reset());
};
$("stop").onclick = () => tell({ stop: true });
$("again").onclick = () => tell({ again: true });

/* Silent for long: the application is asked again.  It knows if the producer is dead. */
setInterval(() => {
	if (busy && Date.now() - heard_ms > 3000)
		heard_ms = Date.now(), listen();
}, 1000);
/* Another device may have gone on with the chat.  If none has, the answer is 204. */
onfocus = () => busy || listen();

history.replaceState(null, "", "?chat=" + chat);
listen();
