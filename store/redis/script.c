/*
 * script.c - what Redis is asked to do in one go, in its own Lua.
 *
 * How far the stream was pruned is noted, so that a reader whose place lies
 * before the oldest entry can be told whether it lost anything.
 */
#include "store/redis/script.h"

void
redis_head(const char *argv[REDIS_HEAD], const struct redis_url *u,
    const char *how, const char *script)
{
	int i;

	argv[0] = how;
	argv[1] = script;
	argv[2] = "7"; /* REDIS_KEYS of them */
	for (i = 0; i < REDIS_KEYS; i++)
		argv[3 + i] = u->key[i];
}

/* Ids as numbers, of which the milliseconds are whole; times of entries. */
#define LUA_IDS                                                     \
	LUA_BEFORE                                                  \
	"local function parts(id) local a, b = words(id)"           \
	" return tonumber(a), tonumber(b) end\n"                    \
	"local function field(e, name)"                             \
	" for i = 1, #e[2], 2 do"                                   \
	" if e[2][i] == name then return e[2][i + 1] end end end\n" \
	"local function time(e)"                                    \
	" return tonumber(field(e, 'time') or '') or (parts(e[1])) end\n"

#define LUA_INFO                                      \
	"local function info(k) local t = {}"         \
	" if redis.call('EXISTS', k) == 1 then"       \
	" local r = redis.call('XINFO', 'STREAM', k)" \
	" for i = 1, #r, 2 do t[r[i]] = r[i + 1] end end return t end\n"

/*
 * The id that is asked about is given as mark: 0 if its entry is not there, or
 * 1, to which the time is added that the entry says.
 */
#define LUA_STATE(mark)                                                       \
	"local function said(m) local ms = '0'"                               \
	" for i = 1, #m[2], 2 do"                                             \
	" if m[2][i] == 'time' then ms = m[2][i + 1] end end"                 \
	" return string.find(ms, '^%d+$') and #ms < 16 and ms + 0 or 0 end\n" \
	"local function marked(id)"                                           \
	" local m = redis.call('XRANGE', KEYS[1], id, id)[1]"                 \
	" return not m and 0 or 1 + said(m) end\n"                            \
	"local e, r = info(KEYS[1]), info(KEYS[5])\n"                         \
	"local l = redis.call('HMGET', KEYS[2], 'id', 'pruned', 'gone',"      \
	" 'cut', 'cuts', 'rows', 'age')\n"                                    \
	"local function most(n) return"                                       \
	" math.min(tonumber(n) or 0, 9007199254740992) end\n"                 \
	"local t = redis.call('TIME')\n"                                      \
	"local first, last = e['first-entry'], e['last-entry']\n"             \
	"return {l[1] or '', e['last-generated-id'] or '0-0',"                \
	" first and first[1] or '0-0', last and last[1] or '0-0',"            \
	" e['max-deleted-entry-id'] or '0-0', r['last-generated-id'] or "     \
	"'0-0',"                                                              \
	" l[2] or '0-0', l[4] or '0-0', tonumber(l[3] or 0),"                 \
	" tonumber(l[5] or 0),"                                               \
	" e['entries-added'] or (e['length'] and -1 or 0), e['length'] or 0," \
	" marked(" mark "),"                                                  \
	" t[1] * 1000 + math.floor(t[2] / 1000), most(l[6]), most(l[7]),"     \
	" first and said(first) or 0}\n"

const char redis_script_state[] = LUA_KNOWN LUA_INFO LUA_STATE("ARGV[1]");

const char redis_script_beside[] =
    LUA_KNOWN LUA_INFO "return {ask() or false, (function()\n" LUA_STATE(
	"ARGV[#ARGV]") "end)()}\n";

/*
 * Is a topic one of those from ARGV[n] on?  Prefixes are kept by their length,
 * so that one look finds out for all of a length.
 */
#define LUA_WANTED(n)                                                     \
	"local exact, prefix, lens = {}, {}, {}\n"                        \
	"for i = " n ", #ARGV do local t = string.sub(ARGV[i], 2)"        \
	" if string.byte(ARGV[i]) ~= 94 then exact[t] = true"             \
	" else if not prefix[#t] then prefix[#t] = {}"                    \
	" lens[#lens + 1] = #t end prefix[#t][t] = true end end\n"        \
	"local function wanted(e)"                                        \
	" local topic = field(e, 'topic') or 'main'"                      \
	" if #ARGV < " n " or exact[topic] then return true end"          \
	" for _, n in ipairs(lens) do"                                    \
	" if prefix[n][string.sub(topic, 1, n)] then return true end end" \
	" end\n"

/*
 * Goes back from an id and says to where it came, or false: to the beginning
 * or to where look said true.  And how many it passed.  An entry with much data
 * costs Redis more, and so does one with many lengths of prefixes to look at;
 * they count for more, so that no call takes long.
 */
#define LUA_BACK                                                            \
	"local function back(from, left, look)"                             \
	" local n, passed = 4, 0\n"                                         \
	" while left > 0 do local cost = 0\n"                               \
	"  local es = redis.call('XREVRANGE', KEYS[1], from, '-',"          \
	"   'COUNT', n)\n"                                                  \
	"  for _, e in ipairs(es) do"                                       \
	"   from = '(' .. e[1] passed = passed + 1"                         \
	"   cost = cost + 1 + #lens / 8 + #(field(e, 'data') or '') / 4096" \
	"   if look(e) then return false, passed end end\n"                 \
	"  if #es < n then return false, passed end\n"                      \
	"  left = left - cost\n"                                            \
	"  n = cost > 2 * #es and 4 or"                                     \
	"   math.max(4, math.min(n * 2, 100, left)) n = math.floor(n)\n"    \
	" end\n"                                                            \
	" return string.sub(from, 2), passed end\n"

const char redis_script_last[] = LUA_IDS LUA_WANTED("4") LUA_BACK
    "local count, oldest = tonumber(ARGV[1]), false\n"
    "local reached, passed = back(ARGV[2], tonumber(ARGV[3]), function(e)"
    " if wanted(e) then count = count - 1 oldest = e[1] end"
    " return count <= 0 end)\n"
    "return {oldest, reached, count, passed}\n";

/* Of several fields of a name the last one counts, as in page.c. */
const char redis_script_entries[] =
    "local out, cost = {}, 0\n"
    "for _, id in ipairs(ARGV) do\n"
    " local e = redis.call('XRANGE', KEYS[1], id, '+', 'COUNT', 1)[1]\n"
    " local time, size = false, 0\n"
    " for i = 1, e and #e[2] or 0, 2 do size = size + #e[2][i + 1]"
    "  if e[2][i] == 'time' then time = e[2][i + 1] end end\n"
    " if time and #time > 1024 then time = '' end\n"
    " out[#out + 1] = e and e[1] or false\n"
    " out[#out + 1] = time\n"
    " cost = cost + 1 + size / 4096\n"
    " if cost > 200 then break end\n"
    "end\n"
    "return out\n";

/*
 * Times grow with ids, near enough, so the place is found by halving: the
 * milliseconds of ids first, and within one the sequence.  A number here has 53
 * bits: with larger ones halving need not come to an end, so steps are counted.
 */
const char redis_script_time[] = LUA_IDS
    "local want, steps = tonumber(ARGV[1]), 0\n"
    "local function at(a, b)"
    " if a >= 2^63 or b >= 2^63 then return end"
    " return redis.call('XRANGE', KEYS[1], string.format('%.0f-%.0f', a, b),"
    " '+', 'COUNT', 1)[1] end\n"
    "local first = at(0, 0)\n"
    "if not first or time(first) >= want then return false end\n"
    "local low = first[1]\n"
    "local function older(e) if e and time(e) < want then low = e[1]"
    " return true end end\n"
    "local a, b = parts(low)\n"
    "local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]\n"
    "if older(top) then return low end\n"
    "local c = parts(top[1])\n"
    "while c - a > 1 and steps < 200 do steps = steps + 1"
    " local mid = math.floor((a + c) / 2)"
    " if older(at(mid, 0)) then a, b = parts(low) else c = mid end end\n"
    "if c > a and older(at(c, 0)) then a, b = parts(low) end\n"
    "local e = redis.call('XREVRANGE', KEYS[1],"
    " a < 2^63 and string.format('%.0f', a) or '+', '-', 'COUNT', 1)[1]\n"
    "local _, d = parts(e and e[1] or low)\n"
    "if older(e) then return low end\n"
    "while d - b > 1 and steps < 400 do steps = steps + 1"
    " local mid = math.floor((b + d) / 2)"
    " if older(at(a, mid)) then _, b = parts(low) else d = mid end end\n"
    "return low\n";

/*
 * A uid that was given to XADD by hand is in no table: look for it.  A uid that
 * is there but has none of the topics is looked for as long as one that is not
 * there, so the time that it takes does not tell that it is.
 */
const char redis_script_uid[] = LUA_IDS LUA_TOPIC_OF LUA_WANTED("4") LUA_BACK
    "local id = ARGV[2] == '+' and redis.call('HGET', KEYS[3], ARGV[1])\n"
    "local es = id and redis.pcall('XRANGE', KEYS[1], id, id) or {}\n"
    "local of = id and not es[1] and topic_of(ARGV[1])\n"
    "local topic = of and redis.call('HGET', KEYS[2], of)\n"
    "local gone = of and (not topic or wanted({'', {'topic', topic}}))"
    " and 1 or 0\n"
    "if es[1] and wanted(es[1]) then return {es[1][1], false, 0, 0} end\n"
    "local found = false\n"
    "local reached, passed = back(ARGV[2], tonumber(ARGV[3]), function(e)"
    " if field(e, 'uid') == ARGV[1] and wanted(e) then"
    " found = e[1] return true end end)\n"
    "return {found, reached, gone, passed}\n";

/*
 * Where the hash of ended topics is true, an end that it does not have is none
 * any more.
 */
const char redis_script_ends[] = LUA_BEFORE LUA_ENDED
    "local upto = redis.call('HGET', KEYS[2], 'ended') or '0-0'\n"
    "local left, seen, passed = tonumber(ARGV[3]), {}, {}\n"
    "local function later(a, b) return before(a, b) and b or a end\n"
    "local function back(from, low, left) local n, came = 4, false\n"
    " while left > 0 do\n"
    "  local es = redis.call('XREVRANGE', KEYS[1], from, '(' .. low,"
    "   'COUNT', n)\n"
    "  for _, e in ipairs(es) do came = e[1] from = '(' .. came"
    "   local topic = value(e, 'topic') or 'main'"
    "   if not seen[topic] and #topic <= 4096 then"
    "    seen[topic] = true passed[#passed + 1] = came"
    "    passed[#passed + 1] = (is_end(e) and '!' or '=') .. topic end\n"
    "   left = left - 1 - (#topic + #(value(e, 'data') or '')) / 4096 end\n"
    "  if #es < n then return false end\n"
    "  n = math.min(n * 2, 100) end\n"
    " return came or low end\n"
    "local gap = back('+', later(upto, ARGV[1]), 200)\n"
    "local reached = false\n"
    "if before(upto, ARGV[2]) then"
    " reached = left > 0 and back(ARGV[2], upto, left)"
    " if left <= 0 then reached = ARGV[2] end end\n"
    "local out, cost = {}, 0\n"
    "for i = 4, #ARGV, 2 do local topic, id = ARGV[i + 1], ARGV[i]\n"
    " if id == '' or not before(upto, id) then"
    "  id = redis.call('HGET', KEYS[6], topic) end\n"
    " local e = id and redis.pcall('XRANGE', KEYS[1], id, id)[1]\n"
    " out[#out + 1] = e and is_end(e) and"
    "  (value(e, 'topic') or 'main') == topic and e[1] or false\n"
    " cost = cost + 1 + (e and #(value(e, 'data') or '') or 0) / 1024\n"
    " if cost > 300 then break end\n"
    "end\n"
    "return {upto, gap and 1 or 0, reached, passed, out}\n";

/* A topic that is longer than any may be is nobody's. */
const char redis_script_revoked[] =
    LUA_IDS "local out, seen, from = {}, {}, ARGV[2]\n"
	    "local since, left, n = tonumber(ARGV[3]), tonumber(ARGV[4]), 0\n"
	    "repeat n = math.min(left, 100)\n"
	    " local es = redis.call('XRANGE', KEYS[5], from, '+', 'COUNT', n)\n"
	    " for _, e in ipairs(es) do from = '(' .. e[1]"
	    " if field(e, 'subject') == ARGV[1] and time(e) >= since then"
	    "  local topic = field(e, 'topic')"
	    "  local out_of = topic and '=' .. topic or ''"
	    "  if not seen[out_of] and #out_of <= 4096 then seen[out_of] = true"
	    "   out[#out + 1] = out_of end end end\n"
	    " left = left - n\n"
	    "until #es < n or left <= 0\n"
	    "local came = string.sub(from, 1, 1) == '('\n"
	    "return {came and string.sub(from, 2) or false,"
	    " left <= 0 and 1 or 0, out}\n";

/*
 * XRANGE for entries some of which are too long to be sent.  A text of such an
 * entry is sent only if it is short, and never its data; a third part says so.
 */
const char redis_script_range[] =
    "local known = {topic = 1, event = 1, data = 1, uid = 1, time = 1,"
    " subject = 1}\n"
    "local key, from, rows = KEYS[tonumber(ARGV[1])], ARGV[2],"
    " tonumber(ARGV[3])\n"
    "local most, room = tonumber(ARGV[4]), tonumber(ARGV[5])\n"
    "local function cut(e, short) local t, size = {}, 0\n"
    " for i = 1, #e[2], 2 do local name, v = e[2][i], e[2][i + 1]"
    "  if known[name] and not (short and (name == 'data' or #v > 1024)) then"
    "  t[#t + 1] = name t[#t + 1] = v size = size + #v end end\n"
    " return t, size end\n"
    "local out, n = {}, 1\n"
    "while true do\n"
    " local es = redis.call('XRANGE', key, from, '+', 'COUNT', n)\n"
    " for _, e in ipairs(es) do local t, size = cut(e, false)"
    "  local long = size > most"
    "  room = room - size - 64"
    "  if room < 0 and #out > 0 then return {1, out} end"
    "  out[#out + 1] = long and {e[1], cut(e, true), 1} or {e[1], t}"
    "  if #out == rows then return {1, out} end"
    "  from = '(' .. e[1] end\n"
    " if #es < n then return {0, out} end\n"
    " n = math.min(n * 2, 16)\n"
    "end\n";

/*
 * Removes from the front what rows and age do not allow, a hundred at a time,
 * and the uids that went with it.
 */
#define LUA_TRIM                                                               \
	LUA_IDS LUA_INFO LUA_TOPIC_OF LUA_ENDED                                \
	    "local function trim(rows, age, now, most, slack)\n"               \
	    " local limit = age > 0 and now - age or 0\n"                      \
	    " local over = rows > 0 and redis.call('XLEN', KEYS[1]) - rows "   \
	    "or 0\n"                                                           \
	    " local removed, last, gone = 0, false, {}\n"                      \
	    " if over <= slack then over = 0 end\n"                            \
	    " local probe = limit > 0 and 1 or 0\n"                            \
	    " if over > 0 then probe = 100 end\n"                              \
	    " while probe > 0 and removed < most do\n"                         \
	    "  local es = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', "   \
	    "probe)\n"                                                         \
	    "  local n = 0\n"                                                  \
	    "  for _, e in ipairs(es) do"                                      \
	    "  if removed + n < over or time(e) < limit then n = n + 1"        \
	    "  last = e[1] if is_end(e) then gone[#gone + 1] = e end"          \
	    "  else break end end\n"                                           \
	    "  if n > 0 then redis.call('XTRIM', KEYS[1], 'MAXLEN', '=',"      \
	    "   redis.call('XLEN', KEYS[1]) - n) end\n"                        \
	    "  removed = removed + n\n"                                        \
	    "  if n < #es or n == 0 then break end\n"                          \
	    "  probe = 100\n"                                                  \
	    " end\n"                                                           \
	    " for _, e in ipairs(gone) do"                                     \
	    "  local topic = value(e, 'topic') or 'main'"                      \
	    "  if redis.call('HGET', KEYS[6], topic) == e[1] then"             \
	    "  redis.call('HDEL', KEYS[6], topic) end end\n"                   \
	    " if last then local i = info(KEYS[1])\n"                          \
	    "  redis.call('HSET', KEYS[2], 'pruned', last, 'gone',"            \
	    "   (i['entries-added'] or 0) - i['length']) end\n"                \
	    " return removed end\n"                                            \
	    "local function forget(most)\n"                                    \
	    " local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', " \
	    "1)[1]\n"                                                          \
	    " for _, x in ipairs(redis.call('LRANGE', KEYS[4], 0, most - 1)) " \
	    "do\n"                                                             \
	    "  local id, uid = string.match(x, '^(%S+) (.*)$')\n"              \
	    "  if first and not before(id, first[1]) then break end\n"         \
	    "  redis.call('LPOP', KEYS[4])\n"                                  \
	    "  if redis.call('HGET', KEYS[3], uid) == id then"                 \
	    "  redis.call('HDEL', KEYS[3], uid)"                               \
	    "  if topic_of(uid) then"                                          \
	    "  redis.call('HDEL', KEYS[2], topic_of(uid)) end end\n"           \
	    " end end\n"

/*
 * Everything is looked at before anything is written, so an error leaves
 * nothing half done.  TAKEN: a uid is that of an event of another topic, in the
 * log or among these.  Without events the script writes what is there already:
 * a user who may only read is then refused on opening and not at the first
 * event.
 */
const char redis_script_append[] = LUA_KNOWN LUA_TRIM
    "local log = redis.call('HMGET', KEYS[2], 'id', 'rows', 'age', 'ended')\n"
    "if not log[1] then return {err = 'NOLOG'} end\n"
    "local has, of, out, n = {}, {}, {}, (#ARGV - 1) / 5\n"
    "if n == 0 then redis.call('HSET', KEYS[2], 'id', log[1]) end\n"
    "for i = 0, n - 1 do local uid = ARGV[5 + i * 5]\n"
    " if uid ~= '' then uid = string.sub(uid, 2)\n"
    "  local topic = ARGV[2 + i * 5]\n"
    "  topic = topic ~= '' and string.sub(topic, 2) or 'main'\n"
    "  if not of[uid] then of[uid] = topic\n"
    "   local id = redis.call('HGET', KEYS[3], uid)\n"
    "   local e = id and redis.call('XRANGE', KEYS[1], id, id)[1]\n"
    "   if e then has[uid] = id of[uid] = field(e, 'topic') or 'main' end\n"
    "  end\n"
    "  if of[uid] ~= topic then return {err = 'TAKEN'} end end end\n"
    "redis.call('LLEN', KEYS[4]) redis.call('HLEN', KEYS[6])\n"
    "local was, upto, all = log[4] or '0-0', false, false\n"
    "if n > 0 then upto, all = catch_up(was, 2 * n + 200) end\n"
    "for i = 0, n - 1 do local uid, add = false, {}\n"
    " for j, name in ipairs({'topic', 'event', 'data', 'uid', 'time'}) do\n"
    "  local v = ARGV[1 + i * 5 + j]\n"
    "  if v ~= '' then v = string.sub(v, 2) add[#add + 1] = name"
    "  add[#add + 1] = v if j == 4 then uid = v end end end\n"
    " if uid and has[uid] then out[#out + 1] = '=' .. has[uid] else\n"
    "  local id = redis.call('XADD', KEYS[1], '*', unpack(add))\n"
    "  out[#out + 1] = id\n"
    "  if all then upto = id"
    "   local topic = ARGV[2 + i * 5]"
    "   ended[topic ~= '' and string.sub(topic, 2) or 'main'] ="
    "    ARGV[3 + i * 5] == '=stream-end' and id end\n"
    "  if uid then has[uid] = id redis.call('HSET', KEYS[3], uid, id)"
    "  if topic_of(uid) then"
    "  redis.call('HSET', KEYS[2], topic_of(uid), of[uid]) end"
    "  redis.call('RPUSH', KEYS[4], id .. ' ' .. uid) end\n"
    " end end\n"
    "if upto and upto ~= was then note_ended(upto) end\n"
    "local rows, age = tonumber(log[2] or 0), tonumber(log[3] or 0)\n"
    "if rows > 0 or age > 0 then"
    " trim(rows, age, tonumber(ARGV[1]), 2 * n + 200, 99)"
    " forget(2 * n + 8) end\n"
    "return out\n";

const char redis_script_ended[] = LUA_KNOWN LUA_ENDED
    "local log = redis.call('HMGET', KEYS[2], 'id', 'ended')\n"
    "if not log[1] then return {err = 'NOLOG'} end\n"
    "local was = log[2] or '0-0'\n"
    "local upto, all = catch_up(was, 1000)\n"
    "if upto ~= was then note_ended(upto) end\n"
    "return all and 0 or 1\n";

/*
 * A user with the rights of a version before may not scan: then they stay, and
 * harm nobody, for who reads the hash looks whether the entry is there.
 */
const char redis_script_trimmed[] = LUA_KNOWN LUA_BEFORE
    "local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]\n"
    "local r = redis.pcall('HSCAN', KEYS[6], ARGV[1], 'COUNT', 500)\n"
    "if r.err then return '0' end\n"
    "for i = 1, #r[2], 2 do"
    " if not first or before(r[2][i + 1], first[1]) then"
    " redis.call('HDEL', KEYS[6], r[2][i]) end end\n"
    "return r[1]\n";

/* A cut before the oldest entry says nothing that this does not say. */
const char redis_script_passed[] = LUA_KNOWN LUA_BEFORE
    "local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]\n"
    "local was = redis.call('HGET', KEYS[2], 'pruned') or '0-0'\n"
    "local pruned = was\n"
    "local r = redis.pcall('HSCAN', KEYS[7], ARGV[1], 'COUNT', 500)\n"
    "if r.err then return '0' end\n"
    "for i = 1, #r[2], 2 do local id = string.match(r[2][i + 1], '^%S+')\n"
    " if not first or before(id, first[1]) then"
    "  if before(pruned, id) then pruned = id end"
    "  redis.call('HDEL', KEYS[7], r[2][i]) end end\n"
    "if pruned ~= was then redis.call('HSET', KEYS[2], 'pruned', pruned) end\n"
    "return r[1]\n";

/* Is a topic of the pattern, and its end so old that the topic may go? */
#define LUA_DUE                                                           \
	LUA_IDS LUA_ENDED                                                 \
	    "local limit = tonumber(ARGV[2])\n"                           \
	    "local any = string.sub(ARGV[3], 1, 1) == '^'\n"              \
	    "local name = string.sub(ARGV[3], 2)\n"                       \
	    "local function is_of(topic) return topic == name or any"     \
	    " and string.sub(topic, 1, #name) == name end\n"              \
	    "local function due(topic, id)"                               \
	    " local e = id and redis.pcall('XRANGE', KEYS[1], id, id)[1]" \
	    " return e and is_end(e) and time(e) < limit"                 \
	    " and (value(e, 'topic') or 'main') == topic and id end\n"

const char redis_script_due[] = LUA_KNOWN LUA_DUE
    "if not any then return {'0',"
    " due(name, redis.call('HGET', KEYS[6], name)) or false} end\n"
    "local r = redis.call('HSCAN', KEYS[6], ARGV[1], 'COUNT', 200)\n"
    "local newest = false\n"
    "for i = 1, #r[2], 2 do"
    " local id = is_of(r[2][i]) and due(r[2][i], r[2][i + 1])\n"
    " if id and (not newest or before(newest, id)) then"
    "  newest = id end end\n"
    "return {r[1], newest}\n";

/*
 * What is removed here is counted as gone like what was trimmed, so clients of
 * other topics whose place is before the oldest entry have lost nothing.
 */
const char redis_script_prune_ended[] = LUA_KNOWN LUA_DUE LUA_INFO LUA_TOPIC_OF
    "local log = redis.call('HMGET', KEYS[2], 'id', 'ended', 'gone', 'cuts',"
    " 'cut')\n"
    "if not log[1] then return {err = 'NOLOG'} end\n"
    "redis.call('HLEN', KEYS[3]) redis.call('HLEN', KEYS[7])\n"
    "local was = log[2] or '0-0'\n"
    "local upto, all = catch_up(was, 1000)\n"
    "if upto ~= was then note_ended(upto) end\n"
    "if not all then return {0, ARGV[1]} end\n"
    "local from, left, n, more = ARGV[1], 500, 4, true\n"
    "local ends, over, cuts, del, uids = {}, {}, {}, {}, {}\n"
    "local function end_of(topic)"
    " if ends[topic] == nil then ends[topic] = is_of(topic)"
    "  and due(topic, redis.call('HGET', KEYS[6], topic)) or false end"
    " return ends[topic] end\n"
    "local function look(e) local topic = value(e, 'topic') or 'main'"
    " local last = end_of(topic)\n"
    " left = left - 1 - #(value(e, 'data') or '') / 4096\n"
    " if not last or before(last, e[1]) then return end\n"
    " del[#del + 1] = e[1] cuts[topic] = e[1]"
    " uids[#del] = value(e, 'uid')"
    " if e[1] == last then over[#over + 1] = topic end end\n"
    "while left > 0 and more do"
    " local es = redis.call('XRANGE', KEYS[1], from, ARGV[4], 'COUNT', n)"
    " for _, e in ipairs(es) do look(e) from = '(' .. e[1] end"
    " more = #es == n n = math.min(n * 2, 100) end\n"
    "if not del[1] then return {0, more and from} end\n"
    "local i = info(KEYS[1])\n"
    "local count = redis.call('XDEL', KEYS[1], unpack(del))\n"
    "local gone = tonumber(log[3] or 0)\n"
    "if i['entries-added'] and i['entries-added'] - i['length'] == gone then"
    " redis.call('HSET', KEYS[2], 'gone', gone + count) end\n"
    "local made, newest = tonumber(log[4] or 0), log[5] or '0-0'\n"
    "for topic, id in pairs(cuts) do made = made + 1\n"
    " local had = redis.call('HGET', KEYS[7], topic)"
    " had = had and string.match(had, '^%S+')"
    " if had and before(id, had) then id = had end"
    " if before(newest, id) then newest = id end\n"
    " redis.call('HSET', KEYS[7], topic,"
    "  id .. ' ' .. string.format('%.0f', made)) end\n"
    "redis.call('HSET', KEYS[2], 'cut', newest, 'cuts',"
    " string.format('%.0f', made))\n"
    "for _, topic in ipairs(over) do redis.call('HDEL', KEYS[6], topic) end\n"
    "for j, id in ipairs(del) do local uid = uids[j]\n"
    " if uid and not topic_of(uid) and"
    " redis.call('HGET', KEYS[3], uid) == id then"
    " redis.call('HDEL', KEYS[3], uid) end end\n"
    "return {count, more and from}\n";

/*
 * All topics of prefixes are looked at as long as they are not too many, and if
 * the user may scan.  Else some of them may have been cut.
 */
const char redis_script_cut[] = LUA_IDS LUA_WANTED(
    "3") "local function is_cut(v)"
	 " local id, made = string.match(v, '^(%S+) (%d+)$')"
	 " return id and before(ARGV[1], id) and less(ARGV[2], made) end\n"
	 "for topic in pairs(exact) do"
	 " local v = redis.call('HGET', KEYS[7], topic)"
	 " if v and is_cut(v) then return 1 end end\n"
	 "if #lens == 0 and #ARGV > 2 then return 0 end\n"
	 "local at, seen = '0', 0\n"
	 "repeat local r = redis.pcall('HSCAN', KEYS[7], at, 'COUNT', 500)\n"
	 " if r.err then return 1 end\n"
	 " for i = 1, #r[2], 2 do"
	 "  if is_cut(r[2][i + 1]) and wanted({'', {'topic', r[2][i]}}) then"
	 "  return 1 end end\n"
	 " at = r[1] seen = seen + #r[2] / 2\n"
	 " if seen >= 2000 and at ~= '0' then return 1 end\n"
	 "until at == '0'\n"
	 "return 0\n";

const char redis_script_prune[] = LUA_KNOWN LUA_TRIM
    "local log = redis.call('HMGET', KEYS[2], 'id', 'rows', 'age')\n"
    "if not log[1] then return {err = 'NOLOG'} end\n"
    "local rows = tonumber(ARGV[2] ~= '' and ARGV[2] or log[2] or 0)\n"
    "local age = tonumber(ARGV[3] ~= '' and ARGV[3] or log[3] or 0)\n"
    "if rows == 0 and age == 0 then return {err = 'NOKEEP'} end\n"
    "local n = trim(rows, age, tonumber(ARGV[1]), 1000, 0)\n"
    "forget(2000)\n"
    "return n\n";

const char redis_script_init[] = LUA_KNOWN LUA_INFO
    "info(KEYS[1]) info(KEYS[5])\n"
    "redis.call('HLEN', KEYS[3]) redis.call('LLEN', KEYS[4])\n"
    "redis.call('HSETNX', KEYS[2], 'id', ARGV[1])\n"
    "redis.call('HSETNX', KEYS[2], 'schema', '1')\n"
    "for i, name in ipairs({'rows', 'age'}) do"
    " if ARGV[i + 1] ~= '' then"
    " redis.call('HSET', KEYS[2], name, ARGV[i + 1]) end end\n"
    "local l = redis.call('HMGET', KEYS[2], 'id', 'rows', 'age', 'schema')\n"
    "return {l[1], l[2] or '0', l[3] or '0', l[4] or '0',"
    " redis.call('XLEN', KEYS[1])}\n";
