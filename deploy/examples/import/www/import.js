/*
 * import.js - the page: the newest row says how far the import is, so a page
 * that was reloaded, or opened elsewhere, shows it at once.
 */
"use strict";
const $ = (id) => document.getElementById(id);
let number = new URLSearchParams(location.search).get("import");
let source, state = "ready", heard_ms = 0;

function say(what) {
	document.body.dataset.state = $("state").textContent = state = what;
}

function show({ percent, rows, why }) {
	$("bar").value = percent;
	$("percent").textContent = percent + " %";
	$("rows").textContent = rows.toLocaleString("en") + " rows" + (why ? ": " + why : "");
}

function listen() {
	source?.close();
	source = new EventSource("import.php?import=" + number);
	source.onmessage = (e) => { heard_ms = Date.now(); say("running"); show(JSON.parse(e.data)); };
	source.addEventListener("stream-end", (e) => say(e.data));
}

async function post(file) {
	const answer = await fetch("import.php?import=" + number, { method: "POST",
	    headers: { "Content-Type": "text/csv" }, body: file });
	history.replaceState(null, "", "?import=" + number);
	if (answer.ok)
		listen();
}

$("form").onsubmit = (e) => {
	e.preventDefault();
	number = Date.now();
	post($("file").files[0]);
};
$("again").onclick = () => post("");

/* Silent for long: the application is asked again.  It knows if the importer is dead. */
setInterval(() => {
	if (state === "running" && Date.now() - heard_ms > 3000)
		heard_ms = Date.now(), listen();
}, 1000);
if (number)
	listen();
