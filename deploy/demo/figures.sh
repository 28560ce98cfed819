#!/bin/sh
# figures.sh - this machine's load, memory and network as rows, one a second.
#
# usage: figures.sh FILE	the log; until killed
#
# A publisher as a site would write it: no library, the sqlite3 program and
# an INSERT.  The row's time is taken inside the INSERT, and `n` numbers the
# rows, so that the page can tell a lost one.

set -u
log=$1 n=0
was=		# what the counters stood at: busy, all, rx, tx, uptime

# Prints two lines: what the counters stand at, and the figures since `was`.
# Of the processor's times columns 5 and 6 are idle and waiting.
look() {
	awk -v n="$n" -v was="$was" '
	FILENAME == "/proc/uptime" { up = $1 }
	FILENAME == "/proc/loadavg" { load = $1 }
	FILENAME == "/proc/stat" && /^cpu / {
		for (i = 2; i <= 9; i++)
			all += $i
		busy = all - $5 - $6
	}
	/^MemTotal:/ { total = $2 * 1024 }
	/^MemAvailable:/ { free = $2 * 1024 }
	FILENAME == "/proc/net/dev" && sub(/:/, " ") && $1 != "lo" {
		rx += $2
		tx += $10
	}
	function rate(now, then, per) { return per > 0 ? (now - then) / per : 0 }
	END {
		split(was, w)
		printf "%.0f %.0f %.0f %.0f %.2f\n", busy, all, rx, tx, up
		printf "{\"n\":%d,\"cpu\":%.1f,\"load\":%.2f,", n,
		    100 * rate(busy, w[1], all - w[2]), load
		printf "\"mem\":%.0f,\"memtotal\":%.0f,", total - free, total
		printf "\"rx\":%.0f,\"tx\":%.0f}\n", rate(rx, w[3], up - w[5]),
		    rate(tx, w[4], up - w[5])
	}' /proc/uptime /proc/loadavg /proc/stat /proc/meminfo /proc/net/dev
}

# Told to end, leave no sleep behind.
trap 'kill $! 2>/dev/null; exit 0' TERM

was=$(look | head -n 1)
while sleep 1 & wait $!; do
	n=$((n + 1))
	seen=$(look)
	was=${seen%%
*}
	sqlite3 -cmd '.timeout 5000' "$log" "
		INSERT INTO events(topic, event, data)
		VALUES('load', 'figures', json_set('${seen#*
}', '\$.time', CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)))"
done
