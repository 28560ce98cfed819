/*
 * chart.js - figures as lanes over one axis of time.
 *
 * A lane is an element with a canvas; what it draws is said in LANES.  Time
 * runs LAG behind, so that the newest figure is there before its place is:
 * the line then grows without a jerk.  Who asked for less motion gets a
 * picture an event, and no lag.
 */
"use strict";

const LAG = 1100;		/* ms; the publisher writes once a second */
const SPAN = 60000;		/* ms from the left edge to the right one */
const BREAK = 5000;		/* ms without a figure: the line ends there */
const KEEP = 400;		/* figures in memory */
const FRAME = 1000 / 30;	/* ms */

/*
 * A lane has scales, and a scale has lines, the least that its top stands for
 * and a word for it.  A lane's first line is filled.
 */
const LANES = {
	cpu: [{ lines: ["cpu"], least: 100, word: (n) => n + " %" },
	    { lines: ["load"], least: 1, word: (n) => "load " + n }],
	mem: [{ lines: ["mempart"], least: 1, word: (n) => n + " %" }],
	net: [{ lines: ["rx", "tx"], least: 2000,
	    word: (n) => bytes(n) + "/s" }],
};
const COLOUR = { cpu: "--cpu", load: "--load", mempart: "--mem",
    rx: "--rx", tx: "--tx" };

/* 1, 2 or 5 and zeros: a scale that ends above this figure. */
function ceiling(n) {
	const zeros = 10 ** Math.floor(Math.log10(n));

	return zeros * [1, 2, 5, 10].find((top) => top * zeros >= n);
}

function bytes(n) {
	for (const unit of ["B", "kB", "MB", "GB", "TB"]) {
		if (n < 1000)
			return (n < 10 && unit !== "B" ? n.toFixed(1) :
			    Math.round(n)) + " " + unit;
		n /= 1000;
	}
	return "very much";
}

/*
 * Slopes for a curve that stays between its points (Fritsch and Carlson): a
 * figure that only rises must not be drawn as if it had dipped.
 */
function slopes(pts) {
	const d = pts.slice(1).map((p, i) =>
	    (p.y - pts[i].y) / Math.max(p.x - pts[i].x, 1e-6));

	return pts.map((_, i) => {
		const a = d[i - 1] ?? d[i] ?? 0, b = d[i] ?? d[i - 1] ?? 0;

		return a * b <= 0 ? 0 : 2 * a * b / (a + b);
	});
}

/* The curve's height at x, or null where there is none. */
function heightAt(pts, m, x) {
	const i = pts.findIndex((p) => p.x >= x);

	if (i <= 0)
		return null;
	const p = pts[i - 1], q = pts[i], h = q.x - p.x, t = (x - p.x) / h;
	return (1 + 2 * t) * (1 - t) ** 2 * p.y + t * (1 - t) ** 2 * h * m[i - 1] +
	    t * t * (3 - 2 * t) * q.y - t * t * (1 - t) * h * m[i];
}

function trace(g, pts, m) {
	pts.forEach((q, i) => {
		if (i === 0)
			return g.moveTo(q.x, q.y);
		const p = pts[i - 1], h = (q.x - p.x) / 3;
		g.bezierCurveTo(p.x + h, p.y + h * m[i - 1], q.x - h,
		    q.y - h * m[i], q.x, q.y);
	});
}

class Lane {
	constructor(element, last) {
		this.scales = LANES[element.dataset.lane].map((s) => ({ ...s }));
		this.canvas = element.querySelector("canvas");
		this.g = this.canvas.getContext("2d");
		this.first = element.dataset.lane === "cpu";
		this.foot = last ? 22 : 6;	/* room for the axis of time */
	}

	draw(chart, now) {
		const g = this.g, dpr = window.devicePixelRatio || 1;
		const w = this.canvas.clientWidth, h = this.canvas.clientHeight;

		if (this.canvas.width !== Math.round(w * dpr) ||
		    this.canvas.height !== Math.round(h * dpr)) {
			this.canvas.width = Math.round(w * dpr);
			this.canvas.height = Math.round(h * dpr);
		}
		g.setTransform(dpr, 0, 0, dpr, 0, 0);
		g.clearRect(0, 0, w, h);
		g.font = "11px " + getComputedStyle(document.body).fontFamily;
		this.w = w - 8;			/* the dot at the end is round */
		this.base = h - this.foot;
		this.x = (t) => this.w - (now - t) / SPAN * this.w;

		const seen = chart.points.filter((p) =>
		    p.time > now - SPAN - BREAK);
		for (const s of this.scales)
			this.fit(s, seen, chart.still);

		this.grid(chart);
		this.bands(chart);
		this.marks(chart);
		const lines = this.scales.flatMap((s) =>
		    s.lines.map((name) => [name, s.top]));
		lines.reverse().forEach(([name, top], i) =>
		    this.line(chart, seen, name, top, i === lines.length - 1));
	}

	/* What the top of a scale stands for; it gets there by and by. */
	fit(s, seen, still) {
		s.goal = ceiling(Math.max(s.least, ...seen.flatMap((p) =>
		    s.lines.map((name) => p[name]))));
		s.top = still || !s.top ? s.goal : s.top + (s.goal - s.top) * 0.2;
	}

	grid(chart) {
		const g = this.g;

		g.strokeStyle = chart.colour("--line");
		g.fillStyle = chart.colour("--soft");
		g.lineWidth = 1;
		for (const part of [0, 0.5, 1]) {
			const y = Math.round(14 + (this.base - 14) * part) + 0.5;

			g.globalAlpha = part === 1 ? 1 : 0.6;
			g.beginPath();
			g.moveTo(0, y);
			g.lineTo(this.w, y);
			g.stroke();
		}
		g.globalAlpha = 1;
		g.textAlign = "left";
		g.fillText(this.scales.map((s) => s.word(s.goal)).join(", "), 2, 10);
		if (this.foot < 20)
			return;
		for (let s = 0; s <= SPAN; s += SPAN / 4) {
			g.textAlign = s === 0 ? "right" :
			    s === SPAN ? "left" : "center";
			g.fillText(s === 0 ? "now" : "\u2212" + s / 1000 + " s",
			    this.w - s / SPAN * this.w, this.base + 16);
		}
	}

	/* When the line was cut. */
	bands(chart) {
		const g = this.g;

		g.fillStyle = chart.colour("--warn");
		for (const cut of chart.cuts) {
			const from = Math.max(0, this.x(cut.from));
			const to = Math.min(this.w, this.x(cut.to ?? Infinity));

			if (to <= from)
				continue;
			g.globalAlpha = 0.13;
			g.fillRect(from, 14, to - from, this.base - 14);
			g.globalAlpha = 1;
			g.textAlign = "center";
			if (this.foot > 20 && to - from > 22)
				g.fillText("cut", (from + to) / 2, 26);
		}
	}

	/* Messages.  The newest has its words; an older one if there is room. */
	marks(chart) {
		const g = this.g;
		let room = this.w;

		g.fillStyle = g.strokeStyle = chart.colour("--accent");
		g.textAlign = "right";
		for (const mark of chart.marks.slice().reverse()) {
			const x = this.x(mark.time);
			const left = x - g.measureText(mark.text).width;

			if (x < 0 || x > this.w)
				continue;
			g.setLineDash([2, 3]);
			g.beginPath();
			g.moveTo(x, 14);
			g.lineTo(x, this.base);
			g.stroke();
			if (!this.first || x > room || left < 80)
				continue;
			g.fillText(mark.text, x, 10);
			room = left - 8;
		}
		g.setLineDash([]);
	}

	line(chart, seen, name, top, filled) {
		const runs = [[]];

		for (const p of seen) {
			const run = runs[runs.length - 1];

			if (run.length && p.time - run[run.length - 1].t > BREAK)
				runs.push([]);
			runs[runs.length - 1].push({ t: p.time, late: p.late,
			    x: this.x(p.time), y: this.base - (this.base - 15) *
			    Math.min(1, p[name] / top) });
		}
		this.g.save();
		this.g.beginPath();
		this.g.rect(0, 0, this.w, this.base + 1);
		this.g.clip();
		const ends = runs.filter((r) => r.length).map((run) =>
		    this.run(chart, run, chart.colour(COLOUR[name]), filled));
		this.g.restore();
		if (ends.length)
			this.dot(ends[ends.length - 1],
			    chart.colour(COLOUR[name]));
	}

	/* One unbroken piece of a line; returns where it ends. */
	run(chart, pts, colour, filled) {
		const g = this.g, m = slopes(pts), last = pts[pts.length - 1];

		if (filled) {
			const high = Math.min(...pts.map((p) => p.y));
			const fade = g.createLinearGradient(0, high, 0,
			    this.base + 1);

			fade.addColorStop(0, colour + "60");
			fade.addColorStop(1, colour + "08");
			g.beginPath();
			trace(g, pts, m);
			g.lineTo(last.x, this.base);
			g.lineTo(pts[0].x, this.base);
			g.fillStyle = fade;
			g.fill();
		}
		g.beginPath();
		trace(g, pts, m);
		g.strokeStyle = colour;
		g.lineWidth = filled ? 2 : 1.5;
		g.stroke();
		g.fillStyle = chart.colour("--card");
		for (const p of pts.filter((q) => filled && q.late)) {
			g.beginPath();
			g.arc(p.x, p.y, 3, 0, 7);
			g.fill();
			g.stroke();
		}
		return { x: Math.min(last.x, this.w),
		    y: last.x > this.w ? heightAt(pts, m, this.w) : last.y };
	}

	dot(end, colour) {
		const g = this.g;

		if (end.y === null || end.x < 0)
			return;
		g.fillStyle = colour;
		for (const [radius, alpha] of [[7, 0.2], [3.5, 1]]) {
			g.globalAlpha = alpha;
			g.beginPath();
			g.arc(end.x, end.y, radius, 0, 7);
			g.fill();
		}
		g.globalAlpha = 1;
	}
}

class Chart {
	constructor(elements) {
		const calm = matchMedia("(prefers-reduced-motion: reduce)");

		this.points = [];	/* figures with time and late, by time */
		this.cuts = [];		/* from, to */
		this.marks = [];	/* time, text */
		this.skew = 0;		/* our clock minus the publisher's, ms */
		this.still = calm.matches;
		this.lanes = elements.map((e, i) =>
		    new Lane(e, i === elements.length - 1));
		this.palette();
		calm.addEventListener("change", () => {
			this.still = calm.matches;
			this.frame();
		});
		matchMedia("(prefers-color-scheme: dark)").addEventListener(
		    "change", () => this.palette());
		new ResizeObserver(() => this.draw()).observe(elements[0]);
		this.frame();
	}

	palette() {
		this.style = getComputedStyle(document.documentElement);
		this.colours = {};
		this.draw();
	}

	colour(name) {
		return this.colours[name] ??=
		    this.style.getPropertyValue(name).trim();
	}

	add(point) {
		this.points.push(point);
		this.points.splice(0, this.points.length - KEEP);
		if (this.still)
			this.draw();
	}

	mark(time, text) {
		this.marks.push({ time, text: text.slice(0, 24) });
		this.marks.splice(0, this.marks.length - 12);
	}

	draw() {
		const now = Date.now() - this.skew - (this.still ? 0 : LAG);

		this.drawn = performance.now();
		this.lanes.forEach((lane) => lane.draw(this, now));
	}

	frame() {
		if (this.still)
			return this.draw();
		if (!(performance.now() - this.drawn < FRAME - 4))
			this.draw();
		requestAnimationFrame(() => this.frame());
	}
}
