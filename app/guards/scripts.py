"""What happens inside Redis, each script in one step and by Redis' own clock. Times are in milliseconds.

A *line* is one model at one place of a provider, a hash:
    failures              failures in a row while it is asked
    answered              when it last answered
    until rest cause      it rests until then (in the past: half open); how long that is; the code of what began it
    probe probe_until     the ticket of the one call that finds out, and when that call counts as lost
    throttled_until       it asked us to wait until then
*Slots* of a place are a sorted set: ticket -> when it counts as lost. The index, another one, has the keys of both that
are worth a look, and until when.
"""

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

#: KEYS line, slots, index. ARGV ticket, failures to open (0: never), slots (0: any number), milliseconds a call may be
#: silent.
#: Returns {"admitted", 1 when it is the probe} or {why not, milliseconds, cause}.
ADMIT = (
    _NOW
    + """
local line = redis.call('HMGET', KEYS[1], 'throttled_until', 'until', 'probe_until', 'cause')
local ticket, limit, silence = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local throttled = tonumber(line[1] or 0)
if throttled > now then return {'throttled', throttled - now, ''} end
local rests = tonumber(ARGV[2]) > 0 and tonumber(line[2] or 0) or 0
if rests > now then return {'rests', rests - now, line[4]} end
-- somebody asks right now whether it is over
if rests > 0 and tonumber(line[3] or 0) > now then return {'rests', 1000, line[4]} end
if limit > 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
    if redis.call('ZCARD', KEYS[2]) >= limit then return {'full', 1000, ''} end
    redis.call('ZADD', KEYS[2], now + silence, ticket)
    redis.call('PEXPIRE', KEYS[2], silence)
    redis.call('ZADD', KEYS[3], now + silence, KEYS[2])
end
if rests == 0 then return {'admitted', 0, ''} end
redis.call('HSET', KEYS[1], 'probe', ticket, 'probe_until', now + silence)
return {'admitted', 1, ''}
"""
)

#: KEYS as above. ARGV ticket, verdict, failures to open, first and longest rest, cause, milliseconds to wait when
#: throttled, for which an answer is remembered, after which all is forgotten.
#: Returns {"opened" | "closed" | "", milliseconds of rest}.
SETTLE = (
    _NOW
    + """
redis.call('ZREM', KEYS[2], ARGV[1])
local line = redis.call('HMGET', KEYS[1], 'until', 'probe', 'rest', 'answered')
local verdict, threshold = ARGV[2], tonumber(ARGV[3])
local is_open, is_probe = line[1] ~= false, line[2] == ARGV[1]
local changed, rest, worth = '', 0, 0
if is_probe then redis.call('HDEL', KEYS[1], 'probe', 'probe_until') end
if verdict == 'answered' then
    -- a late answer of a call from before the rest tells nothing about now
    if is_open and not is_probe then return {'', 0} end
    redis.call('HDEL', KEYS[1], 'failures', 'until', 'rest', 'cause')
    redis.call('HSET', KEYS[1], 'answered', now)
    if is_open then changed = 'closed' end
elseif (verdict == 'failed' or verdict == 'refused') and threshold > 0 then
    if is_open then
        -- so does a late failure
        if not is_probe then return {'', 0} end
        rest = math.min(tonumber(line[3]) * 2, tonumber(ARGV[5]))
    else
        local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
        -- what refuses us is configured wrongly, unless it answered a moment ago: then it was this one prompt
        local surely = verdict == 'refused' and tonumber(line[4] or 0) + tonumber(ARGV[8]) <= now
        if surely or failures >= threshold then rest = tonumber(ARGV[4]) end
    end
    if rest > 0 then
        changed, worth = 'opened', rest
        redis.call('HSET', KEYS[1], 'until', now + rest, 'rest', rest, 'cause', ARGV[6])
    end
elseif verdict == 'throttled' and tonumber(ARGV[7]) > 0 then
    worth = tonumber(ARGV[7])
    local known = tonumber(redis.call('HGET', KEYS[1], 'throttled_until') or 0)
    redis.call('HSET', KEYS[1], 'throttled_until', math.max(known, now + worth))
end
local kept = tonumber(ARGV[9]) + worth
if worth > 0 then redis.call('ZADD', KEYS[3], now + kept, KEYS[1]) end
redis.call('PEXPIRE', KEYS[1], kept)
return {changed, rest}
"""
)

#: KEYS as above. ARGV ticket, 1 with a slot, milliseconds a call may be silent.
RENEW = (
    _NOW
    + """
local silence = tonumber(ARGV[3])
if ARGV[2] == '1' then
    redis.call('ZADD', KEYS[2], now + silence, ARGV[1])
    redis.call('PEXPIRE', KEYS[2], silence)
    redis.call('ZADD', KEYS[3], now + silence, KEYS[2])
end
if redis.call('HGET', KEYS[1], 'probe') == ARGV[1] then
    redis.call('HSET', KEYS[1], 'probe_until', now + silence)
end
"""
)

#: KEYS index. ARGV the most to look at.
#: Returns {key, calls} for each place with slots, {key, milliseconds of rest (-1: none), of throttling, cause} for each
#: line that is not asked.
LOOK = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local found = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)) do
    if redis.call('TYPE', key).ok == 'zset' then
        table.insert(found, {key, redis.call('ZCOUNT', key, '(' .. now, '+inf')})
    else
        local line = redis.call('HMGET', key, 'until', 'throttled_until', 'cause')
        local throttled = tonumber(line[2] or 0) - now
        if line[1] or throttled > 0 then
            local rests = line[1] and math.max(tonumber(line[1]) - now, 0) or -1
            table.insert(found, {key, rests, throttled, line[3] or ''})
        end
    end
end
return found
"""
)
