/*
 * build.js - the page: a log from its first line to its end.
 *
 * The signed address of the stream stands behind the # of the page's address, so
 * it is in no log: a browser sends nothing of that.
 */
"use strict";
const $ = (id) => document.getElementById(id);
const address = location.hash.slice(1);
const output = $("output");

function say(state, text) {
	document.body.dataset.state = state;
	$("state").textContent = text;
}

function lines(e) {
	const at_end = output.scrollTop + output.clientHeight > output.scrollHeight - 20;

	/* As text, and without the colours of a terminal. */
	output.append(e.data.replace(/\x1b\[[\d;]*[A-Za-z]/g, ""));
	if (at_end)
		output.scrollTop = output.scrollHeight;
}

/* Of this site, whatever the address says. */
if (address.startsWith("/events?")) {
	const source = new EventSource(address + "&lastEventId=earliest");

	source.onopen = () => say("running", "running");
	source.onmessage = lines;
	source.onerror = () => source.readyState === EventSource.CLOSED &&
	    say("failed", "this address is not good any more");
	source.addEventListener("stream-end", (e) => {
		source.close();		/* a build has one end */
		say(e.data === "0" ? "done" : "failed", e.data === "0" ? "passed" :
		    "failed, exit status " + e.data);
	});
} else {
	say("failed", "the address of a build has a #");
}
onhashchange = () => location.reload();
