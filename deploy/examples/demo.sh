# demo.sh - what `make demo APP=NAME` has more than `make demo`: the pages of an
# example, a key, PHP-FPM and a model.  ../demo/demo.sh reads this file.
#
# The environment of PHP is that of this shell.  For a model of your own:
# OPENAI_BASE_URL, OPENAI_API_KEY and MODEL.

example=deploy/examples/$app
build=		# the leader of the group of a build
php=yes
case $app in
build) php= ;;
score) php= public='match/*' ;;
esac

# The producers belong to nobody: their pids are in their locks.  When one has
# ended, its pid may be that of another process, which does not have the lock.
app_down() {
	for f in "$dir"/log/*.lock; do
		pid=$(cat "$f" 2>/dev/null) || continue
		[ ! "/proc/$pid/fd/3" -ef "$f" ] || kill "$pid" 2>/dev/null || :
	done
	[ -n "$build" ] || return 0
	kill -TERM "-$build" 2>/dev/null || :
	i=0
	while kill -0 "-$build" 2>/dev/null && [ $i -lt 300 ]; do
		i=$((i + 1))
		sleep 0.1
	done
}

app_lay_out() {
	cp "$example"/www/* deploy/examples/examples.css "$dir/demo"
	cp deploy/examples/run.php deploy/examples/site.php "$dir"
	for f in "$example"/*.php; do
		[ ! -e "$f" ] || cp "$f" "$dir"
	done
	for f in "$example"/*.sql; do
		[ ! -e "$f" ] || sqlite3 "$log" <"$f"
	done
	[ "$app" != dashboard ] || $bin watch "$log" orders >/dev/null
	(umask 027 && od -An -tx1 -N32 /dev/urandom | tr -d ' \n' >"$dir/key")
	[ "$(id -u)" -ne 0 ] || chgrp www-data "$dir/key"
	[ "$app" != import ] || awk 'BEGIN {
		for (i = 1; i <= 20000; i++)
			printf "item %d,%.2f\n", i, i % 977 + i % 100 / 100
	}' >"$dir/demo/sample.csv"
}

# PHP-FPM, a model if there is no other, and what happens in the world.
app_start() {
	[ ! -e "$example/world.sh" ] || child "$example/world.sh" "$log"
	[ -n "$php" ] || return 0
	[ "$app" != chat ] || [ -n "${OPENAI_BASE_URL:-}" ] || app_model
	cat >"$dir/fpm.conf" <<-END
		[global]
		error_log = $dir/fpm.log
		[demo]
		listen = $dir/php.sock
		pm = static
		pm.max_children = 4
		clear_env = no
		catch_workers_output = yes
		php_value[session.save_path] = $dir/log
	END
	[ "$(id -u)" -ne 0 ] || cat >>"$dir/fpm.conf" <<-END
		user = www-data
		group = www-data
		listen.owner = www-data
	END
	export LARGESSE_DB="$log" LARGESSE_KEY_FILE="$dir/key"
	export IMPORT_PAUSE_US="${IMPORT_PAUSE_US-100000}"
	child php-fpm8.2 -F -y "$dir/fpm.conf" 2>>"$dir/start.log"
	app_until 'PHP-FPM does not listen' test -S "$dir/php.sock"
}

app_model() {
	child python3 "$example/model.py" >"$dir/model.port"
	app_until 'the model does not listen' test -s "$dir/model.port"
	OPENAI_BASE_URL=http://127.0.0.1:$(cat "$dir/model.port")/v1
	OPENAI_API_KEY=none MODEL=demo
	export OPENAI_BASE_URL OPENAI_API_KEY MODEL
}

app_until() {
	why=$1 i=0
	shift
	until "$@"; do
		i=$((i + 1))
		[ $i -lt 150 ] || fail "$why"
		sleep 0.1
	done
}

app_configure() {
	[ -n "$php" ] || return 0
	sed "s,/run/php/php8.2-fpm.sock,$dir/php.sock," \
	    "deploy/examples/web/$web.conf" >"$dir/app.conf"
	case $web in
	nginx) add='s,include events.conf;,&\n\t\tinclude app.conf;,' ;;
	lighttpd) add='s,^include "events.conf",&\ninclude "app.conf",' ;;
	esac
	sed -i "$add" "$dir/$web.conf"
}

# The address of a build's page.  It is signed, and good for a day.
app_build() {
	echo "$url/#$($bin token --url --key-file "$dir/key" --expires 1d \
	    --subscribe "$1")"
}

app_say() {
	case $app in
	chat) cat <<-END

		A chat behind $web:  $url/

		The model is at $OPENAI_BASE_URL.
		END
		;;
	import) cat <<-END

		An import behind $web:  $url/

		A file to import:  $url/sample.csv
		END
		;;
	bell) cat <<-END

		A bell behind $web:  $url/

		Paste this into another shell, and watch the page:

		  sqlite3 -cmd '.timeout 5000' $log "INSERT INTO events(topic, data) VALUES('bell/demo', 'Hello')"
		END
		;;
	feed) cat <<-END

		A feed behind $web:  $url/

		Log in as alice, bob, carol or dan; the password is demo.
		END
		;;
	presence) cat <<-END

		Who is here, behind $web:  $url/
		END
		;;
	dashboard) cat <<-END

		A dashboard behind $web:  $url/

		Paste this into another shell, and watch the page:

		  sqlite3 -cmd '.timeout 5000' $log "UPDATE orders SET euros = euros + 100 WHERE id = 1"
		END
		;;
	build) cat <<-END

		A build behind $web:  $(app_build build/1)

		Paste this into another shell, for a build that fails:

		  LARGESSE=build/largesse deploy/examples/build/build.sh $log \\
		      build/2 sh -c 'echo testing; sleep 5; echo bad; exit 1'

		and watch it here:  $(app_build build/2)
		END
		LARGESSE=$bin setsid deploy/examples/build/build.sh "$log" build/1 sh -c '
			for f in fcgi/base/*.c store/*.c; do
				echo "cc $f"
				gcc -std=gnu11 -D_GNU_SOURCE -DVERSION=\"\" -I. \
				    -fsyntax-only "$f" || exit 1
			done' &
		build=$!
		;;
	score) cat <<-END

		A match behind $web, which goes on while you read this:  $url/

		Paste this into another shell, for a second match:

		  deploy/examples/score/world.sh $log match/2 0.3

		and watch it here:  $url/?match=2
		END
		;;
	esac
	printf '\nCtrl-C takes everything down.\n\n'
	from_afar
}
