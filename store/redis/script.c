/*
 * script.c - what Redis is asked to do in one go, in its own Lua.
 *
 * An id is compared as two numbers: a double holds milliseconds and any
 * sequence that Redis itself gives.  How far the stream was pruned is noted,
 * so that a reader whose place lies before the oldest entry can be told whether
 * it lost anything.
 */
#include "store/redis/script.h"

void
redis_head(const char *argv[REDIS_HEAD], const struct redis_url *u,
    const char *how, const char *script)
{
	int i;

	argv[0] = how;
	argv[1] = script;
	argv[2] = "5"; /* REDIS_KEYS of them */
	for (i = 0; i < REDIS_KEYS; i++)
		argv[3 + i] = u->key[i];
}

/* Is id a before id b?  Times of entries; the oldest entry. */
#define LUA_IDS                                                     \
	"local function parts(id)"                                  \
	" local a, b = string.match(id, '^(%d+)-(%d+)$')"           \
	" return tonumber(a), tonumber(b) end\n"                    \
	"local function before(x, y)"                               \
	" local a, b = parts(x) local c, d = parts(y)"              \
	" return a < c or (a == c and b < d) end\n"                 \
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

/* The id that is asked about is given as mark. */
#define LUA_STATE(mark)                                                       \
	"local e, r = info(KEYS[1]), info(KEYS[5])\n"                         \
	"local l = redis.call('HMGET', KEYS[2], 'id', 'pruned', 'gone')\n"    \
	"local t = redis.call('TIME')\n"                                      \
	"local first, last = e['first-entry'], e['last-entry']\n"             \
	"return {l[1] or '', e['last-generated-id'] or '0-0',"                \
	" first and first[1] or '0-0', last and last[1] or '0-0',"            \
	" e['max-deleted-entry-id'] or '0-0', r['last-generated-id'] or "     \
	"'0-0',"                                                              \
	" l[2] or '0-0', tonumber(l[3] or 0),"                                \
	" e['entries-added'] or (e['length'] and -1 or 0), e['length'] or 0," \
	" #redis.call('XRANGE', KEYS[1], " mark ", " mark "),"                \
	" t[1] * 1000 + math.floor(t[2] / 1000)}\n"

const char redis_script_state[] = LUA_INFO LUA_STATE("ARGV[1]");

const char redis_script_beside[] =
    LUA_INFO "return {ask() or false, (function()\n" LUA_STATE(
	"ARGV[#ARGV]") "end)()}\n";

const char redis_script_last[] = LUA_IDS
    "local count, left = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
    "local function wanted(topic)"
    " if #ARGV == 2 then return true end"
    " for i = 3, #ARGV do local n = string.sub(ARGV[i], 2)"
    " if topic == n or (string.byte(ARGV[i]) == 94"
    " and string.sub(topic, 1, #n) == n) then return true end end end\n"
    "local from, oldest = '+', false\n"
    "while count > 0 and left > 0 do\n"
    " local es = redis.call('XREVRANGE', KEYS[1], from, '-', 'COUNT', 100)\n"
    " for _, e in ipairs(es) do"
    " if count > 0 and wanted(field(e, 'topic') or 'main') then"
    " count = count - 1 oldest = e[1] end end\n"
    " if #es < 100 then break end\n"
    " left = left - 100 from = '(' .. es[#es][1]\n"
    "end\n"
    "return oldest\n";

/*
 * Times grow with ids, near enough, so the place is found by halving: the
 * milliseconds of ids first, and within one the sequence.
 */
const char redis_script_time[] = LUA_IDS
    "local want = tonumber(ARGV[1])\n"
    "local function at(a, b)"
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
    "while c - a > 1 do local mid = math.floor((a + c) / 2)"
    " if older(at(mid, 0)) then a, b = parts(low) else c = mid end end\n"
    "if c > a and older(at(c, 0)) then a, b = parts(low) end\n"
    "local e = redis.call('XREVRANGE', KEYS[1],"
    " string.format('%.0f', a), '-', 'COUNT', 1)[1]\n"
    "local _, d = parts(e[1])\n"
    "if older(e) then return low end\n"
    "while d - b > 1 do local mid = math.floor((b + d) / 2)"
    " if older(at(a, mid)) then _, b = parts(low) else d = mid end end\n"
    "return low\n";

/* A uid that was given to XADD by hand is in no table: look for it. */
const char redis_script_uid[] = LUA_IDS
    "local id = redis.call('HGET', KEYS[3], ARGV[1])\n"
    "if id and #redis.call('XRANGE', KEYS[1], id, id) == 1 then"
    " return id end\n"
    "local from, left = '+', tonumber(ARGV[2])\n"
    "while left > 0 do\n"
    " local es = redis.call('XREVRANGE', KEYS[1], from, '-', 'COUNT', 100)\n"
    " for _, e in ipairs(es) do"
    " if field(e, 'uid') == ARGV[1] then return e[1] end end\n"
    " if #es < 100 then return false end\n"
    " left = left - 100 from = '(' .. es[#es][1]\n"
    "end\n"
    "return false\n";

const char redis_script_revoked[] = LUA_IDS
    "local out, from = {}, ARGV[2] .. '-0'\n"
    "repeat\n"
    " local es = redis.call('XRANGE', KEYS[5], from, '+', 'COUNT', 100)\n"
    " for _, e in ipairs(es) do"
    " if field(e, 'subject') == ARGV[1] then out[#out + 1] = e end"
    " from = '(' .. e[1] end\n"
    "until #es < 100\n"
    "return out\n";

/*
 * Removes from the front what rows and age do not allow, a hundred at a time,
 * and the uids that went with it.
 */
#define LUA_TRIM                                                               \
	LUA_IDS LUA_INFO                                                       \
	    "local function trim(rows, age, now, most, slack)\n"               \
	    " local limit = age > 0 and now - age or 0\n"                      \
	    " local over = rows > 0 and redis.call('XLEN', KEYS[1]) - rows "   \
	    "or 0\n"                                                           \
	    " local removed, last = 0, false\n"                                \
	    " if over <= slack then over = 0 end\n"                            \
	    " local probe = limit > 0 and 1 or 0\n"                            \
	    " if over > 0 then probe = 100 end\n"                              \
	    " while probe > 0 and removed < most do\n"                         \
	    "  local es = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', "   \
	    "probe)\n"                                                         \
	    "  local n = 0\n"                                                  \
	    "  for _, e in ipairs(es) do"                                      \
	    "  if removed + n < over or time(e) < limit then n = n + 1"        \
	    "  last = e[1] else break end end\n"                               \
	    "  if n > 0 then local a, b = parts(last)\n"                       \
	    "   redis.call('XTRIM', KEYS[1], 'MINID', '=',"                    \
	    "    string.format('%.0f-%.0f', a, b + 1)) end\n"                  \
	    "  removed = removed + n\n"                                        \
	    "  if n < #es or n == 0 then break end\n"                          \
	    "  probe = 100\n"                                                  \
	    " end\n"                                                           \
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
	    "  redis.call('HDEL', KEYS[3], uid) end\n"                         \
	    " end end\n"

/*
 * Everything is looked at before anything is written, so an error leaves
 * nothing half done.  TAKEN: a uid is that of an event of another topic, in the
 * log or among these.  Without events the script writes what is there already:
 * a user who may only read is then refused on opening and not at the first
 * event.
 */
const char redis_script_append[] = LUA_TRIM
    "local log = redis.call('HMGET', KEYS[2], 'id', 'rows', 'age')\n"
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
    "redis.call('LLEN', KEYS[4])\n"
    "for i = 0, n - 1 do local uid, add = false, {}\n"
    " for j, name in ipairs({'topic', 'event', 'data', 'uid', 'time'}) do\n"
    "  local v = ARGV[1 + i * 5 + j]\n"
    "  if v ~= '' then v = string.sub(v, 2) add[#add + 1] = name"
    "  add[#add + 1] = v if j == 4 then uid = v end end end\n"
    " if uid and has[uid] then out[#out + 1] = '=' .. has[uid] else\n"
    "  local id = redis.call('XADD', KEYS[1], '*', unpack(add))\n"
    "  out[#out + 1] = id\n"
    "  if uid then has[uid] = id redis.call('HSET', KEYS[3], uid, id)"
    "  redis.call('RPUSH', KEYS[4], id .. ' ' .. uid) end\n"
    " end end\n"
    "local rows, age = tonumber(log[2] or 0), tonumber(log[3] or 0)\n"
    "if rows > 0 or age > 0 then"
    " trim(rows, age, tonumber(ARGV[1]), 2 * n + 200, 99)"
    " forget(2 * n + 8) end\n"
    "return out\n";

const char redis_script_prune[] =
    LUA_TRIM "local log = redis.call('HMGET', KEYS[2], 'id', 'rows', 'age')\n"
	     "if not log[1] then return {err = 'NOLOG'} end\n"
	     "local rows = tonumber(ARGV[2] ~= '' and ARGV[2] or log[2] or 0)\n"
	     "local age = tonumber(ARGV[3] ~= '' and ARGV[3] or log[3] or 0)\n"
	     "if rows == 0 and age == 0 then return {err = 'NOKEEP'} end\n"
	     "local n = trim(rows, age, tonumber(ARGV[1]), 1000, 0)\n"
	     "forget(2000)\n"
	     "return n\n";

const char redis_script_init[] = LUA_INFO
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
