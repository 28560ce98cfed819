/*
 * dashboard.js - the page: the table as it was when the page began, and from then
 * on each change of it.  A change is the whole row, so `orders` is always right,
 * and all figures are made of it.
 */
"use strict";
const $ = (id) => document.getElementById(id);
const orders = new Map();
const STATES = ["new", "paid", "sent", "returned"];
const euros = (n) => "\u20ac\u202f" + n.toLocaleString("en", { maximumFractionDigits: 0 });
const sum = (rows) => rows.reduce((all, row) => all + row.euros, 0);

function make(tag, text, more = {}) {
	return Object.assign(document.createElement(tag), { textContent: text }, more);
}

function draw() {
	const all = [...orders.values()], kept = all.filter((row) => row.status !== "returned");
	const items = new Map();

	kept.forEach((row) => items.set(row.item, (items.get(row.item) || 0) + row.euros));
	const bars = [...items].sort((a, b) => b[1] - a[1]);

	$("turnover").textContent = euros(sum(kept));
	for (const state of STATES)
		$(state).textContent = all.filter((row) => row.status === state).length;
	$("bars").replaceChildren(...bars.flatMap(([item, n]) => [make("dt", item),
	    make("dd", euros(n), { style: `--part: ${n / bars[0][1]}` })]));
}

/* A row of the list, the newest change on top. */
function tell({ id, item, euros: price, status }) {
	const li = document.createElement("li");

	li.className = "new";
	li.dataset.status = status;
	li.append(make("span", "#" + id), make("b", item), make("span", euros(price)), make("em", status));
	$("list").prepend(li);
	$("list").children[12]?.remove();
}

async function begin() {
	const ask = async () => (await fetch("dashboard.php")).json(), page = await ask();
	const stream = new Largesse("/events?topic=orders", { lastEventId: page.place,
	    token: async () => (await ask()).token });

	page.orders.forEach((row) => orders.set(row.id, row));
	page.orders.slice(-12).forEach(tell);
	draw();
	stream.onopen = () => { $("state").textContent = document.body.dataset.state = "live"; };
	stream.onerror = () => { $("state").textContent = document.body.dataset.state = "connecting"; };
	for (const type of ["insert", "update", "delete"])
		stream.addEventListener(type, (e) => {
			const row = JSON.parse(e.data);

			type === "delete" ? orders.delete(row.id) : orders.set(row.id, row);
			tell(type === "delete" ? { ...row, status: "deleted" } : row);
			draw();
		});
	stream.ongap = () => location.reload();		/* changes are gone: begin anew */
}
begin();
