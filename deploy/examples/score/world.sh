#!/bin/sh
# world.sh - a match, which somebody watches and writes down: a row a minute.
#
# usage: world.sh LOG [TOPIC [SECONDS]]		seconds from one minute to the next
#
# The first half hour has been played when it starts.  A row says all that there
# is to say of its minute, and the last one is the end of the topic.

set -eu
log=$1 topic=${2:-match/1} seconds=${3:-3}
home=0 away=0 minute=0
teams='"teams":["Harbour United","Northfield"]'
trap 'kill $! 2>/dev/null; exit 0' TERM

publish() {
	sqlite3 -cmd '.timeout 5000' "$log" "INSERT INTO events(topic, event, data) VALUES('$topic', $1, '$2')"
}

while [ $minute -le 94 ]; do
	what= text=
	case $minute in
	0) what=whistle text='Kick-off. Harbour United play from left to right.' ;;
	7) text='Lindt shoots from far away, and the keeper holds it.' ;;
	12) what=goal home=$((home + 1)) text='Goal! Mara Lindt heads it in after a corner.' ;;
	19) what=card text='Yellow card: Okafor pulls at a shirt.' ;;
	26) text='Northfield hit the post.' ;;
	33) what=goal away=$((away + 1)) text='Goal! Sami Berg, alone before the keeper.' ;;
	41) text='A free kick for Harbour goes into the wall.' ;;
	45) what=whistle text='Half-time.' ;;
	52) what=goal away=$((away + 1)) text='Goal! Northfield lead: Ida Moss from the spot.' ;;
	58) text='Harbour bring on Park for Silva.' ;;
	64) what=card text='Yellow card: Berg complains.' ;;
	71) what=goal home=$((home + 1)) text='Goal! Park, two touches, level again.' ;;
	80) text='The rain has come, and the ball is slow.' ;;
	88) what=goal home=$((home + 1)) text='Goal! Lindt again, from a narrow angle.' ;;
	94) what=whistle text='Full time. Harbour United 3, Northfield 2.' ;;
	esac
	publish NULL "{\"minute\":$minute,\"score\":[$home,$away],$teams${what:+,\"what\":\"$what\"}${text:+,\"text\":\"$text\"}}"
	minute=$((minute + 1))
	[ $minute -le 30 ] || { sleep "$seconds" & wait $!; }
done
publish "'stream-end'" 'full time'
while sleep 60 & wait $!; do :; done
