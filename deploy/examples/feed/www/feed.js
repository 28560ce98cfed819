/*
 * feed.js - the page: the newest posts of those whom this user follows, then each
 * as it is posted.  Without a login there is no stream, and the page goes there.
 */
const $ = (id) => document.getElementById(id);
const tell = (what) => fetch("feed.php", { method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify(what) });

function make(tag, about, ...inside) {
	const e = Object.assign(document.createElement(tag), about);
	e.append(...inside);		/* text as text, never as HTML */
	return e;
}

async function list() {
	const { me, people, token } = await (await fetch("feed.php")).json();

	if (!me)
		return new Promise(() => { location = "login.html"; });	/* the page ends here */
	$("me").textContent = me;
	$("people").replaceChildren(...people.map(([name, followed]) => make("li", {}, name, make("button",
	    { onclick: () => tell({ follow: name }).then(list) }, followed ? "Leave" : "Follow"))));
	return { topics: ["user/" + me], token };
}

list().then(({ topics }) => {
	const stream = new Largesse("/events?last=50", { topics, token: async () => (await list()).token });

	stream.onopen = stream.onerror = (e) => { $("state").textContent = document.body.dataset.state = e.type; };
	stream.addEventListener("post", (e) => {
		const { by, text, time } = JSON.parse(e.data), when = new Date(time * 1000).toLocaleTimeString();

		$("posts").prepend(make("li", {}, make("b", {}, by), make("time", {}, when), make("p", {}, text)));
	});
	$("logout").onclick = () => tell({ logout: true }, stream.close()).then(list);
});

$("form").onsubmit = (e) => {
	e.preventDefault();
	tell({ post: $("text").value }).then(() => e.target.reset());
};
