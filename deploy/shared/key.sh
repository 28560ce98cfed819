# key.sh - makes data/key, the secret of this folder, on first use.
#
# Who reads needs a token that is signed with it, so nothing of this folder is public.
# Beside the document root no address leads to the secret.  There it is, and data/key
# is a link to it, if that directory is this user's alone; else it is in data/, which
# nobody can fetch.  mod_fcgid does not say where the document root is: there it is in
# data/, too, unless another of the three ways has made it.  events.php does the same.

# Is it a directory of this user, to which nobody else can write?
is_only_ours() {
	[ -O "$1" ] && case $(ls -ld "$1/.") in
	d????-??-*) true ;;
	*) false ;;
	esac
}

# The name of the secret beside the document root, if it can be there.  Where that is
# within another site its web server gives out nothing that begins with .ht.
beside_root() {
	root=$(cd "${DOCUMENT_ROOT:?}" && pwd -P) && here=$(pwd -P) || return
	case $here/ in
	"$root"/*) ;;
	*) return 1 ;;
	esac
	is_only_ours "${root%/*}/." || return
	echo "${root%/*}/.htlargesse$(echo "${here#"${root%/*}"}" | tr / -)"
}

# ln takes no name that is there already, so two may do this at once.
make_key() {
	umask 077
	new=$(mktemp data/.key-XXXXXXXX) || return # never a name that somebody else has put there
	od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >$new
	[ "$(wc -c <$new)" -eq 64 ] || { rm -f "$new"; return; } # no room
	is_only_ours data && chmod 700 data # nobody else can get at the log
	if name=$(beside_root); then
		ln $new "$name"
		[ -f "$name" ] && [ -O "$name" ] && ln -s "$name" data/key
	fi
	[ -h data/key ] || ln $new data/key
	rm -f $new
}

[ -e data/key ] || [ -h data/key ] || (make_key) >/dev/null 2>&1
