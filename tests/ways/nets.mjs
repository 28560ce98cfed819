/*
 * nets.mjs - a browser whose network goes away and changes; as root, and in
 * namespaces of its own (see away.mjs).
 *
 * usage: nets.mjs BROWSER TRIAL	prints what was seen as JSON
 *
 * The site is a host of its own, with one address, and two links lead to it.  The
 * browser has one of them at a time, so it has another address on the other.
 */
import { execFileSync } from "node:child_process";
import { happens } from "./away.mjs";
import { Site, launch, sleep, visit } from "./kit.mjs";

const AWAY_MS = 10000;
const SITE = "10.77.0.1";
const LINKS = { home: "10.77.1", road: "10.77.2" };
const ip = (...words) => execFileSync("ip", words);
const there = (...words) => ip("-n", "site", ...words);

function build() {
	execFileSync("mkdir", ["-p", "/run/netns"]);
	execFileSync("mount", ["-t", "tmpfs", "tmpfs", "/run/netns"]);
	ip("link", "set", "lo", "up");
	ip("netns", "add", "site");
	there("link", "set", "lo", "up");
	there("addr", "add", SITE + "/32", "dev", "lo");
	for (const [name, net] of Object.entries(LINKS)) {
		ip("link", "add", name, "type", "veth", "peer", "name", name,
		    "netns", "site");
		there("addr", "add", net + ".1/24", "dev", name);
		there("link", "set", name, "up");
	}
}

/* As a network manager does: the address, the link, the route. */
function plug(name) {
	ip("addr", "add", LINKS[name] + ".2/24", "dev", name);
	ip("link", "set", name, "up");
	ip("route", "add", "default", "via", LINKS[name] + ".1");
}

function unplug(name) {
	ip("link", "set", name, "down");
	ip("addr", "flush", "dev", name);
}

const TRIALS = {
	/* The cable is pulled out, and put back. */
	async unplugged() {
		unplug("home");
		await sleep(AWAY_MS);
		plug("home");
	},
	/* Nothing comes back from the site, and nobody tells the browser. */
	async silent() {
		there("route", "del", LINKS.home + ".0/24", "dev", "home");
		await sleep(AWAY_MS);
		there("route", "add", LINKS.home + ".0/24", "dev", "home");
	},
	/* From one network into another; what was open is dead, in silence. */
	async moved() {
		unplug("home");
		await sleep(500);
		plug("road");
	},
};

const [name, trial] = process.argv.slice(2);

build();
plug("home");
const site = await Site.start({ ADDRESS: SITE },
    ["nsenter", "--net=/run/netns/site"]);
const browser = await launch(name);
const page = await visit(browser, await site.say("way", "plain"));
const row = await happens(site, page, async () => {
	const from = Date.now();

	await TRIALS[trial]();
	return [from, Date.now()];
});
await browser.close();
await site.stop();
console.log(JSON.stringify({ scene: "nets", browser: name, trial, ...row }));
process.exit(0);
