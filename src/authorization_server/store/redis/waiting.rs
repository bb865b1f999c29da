//! Entries in Redis that wait for their first use, in groups: which of them is evicted first.
//!
//! Redis has no bound for one kind of entry, so the scripts count the bytes of those that wait. For
//! each kind there are: a hash of bytes and group by key, a sorted set of keys by expiry, a sorted
//! set of groups by bytes, the sum, and for each group a sorted set of its keys by expiry. An entry
//! of an earlier release is in none of them, and expires within a day.

use std::time::Duration;

use ::redis::cmd;

use super::{Redis, millis, name};
use crate::{
    authorization_server::store::{fault::StoreFault, kind::EntryKind},
    base::{
        clock::Clock,
        limits::authorization_server::{UNUSED_CLIENT_AGE, WAITING_OVERHEAD_BYTES, WAITING_SWEPT_MAX},
    },
};

/// Removes a key from its group. `KEYS[2]` to `KEYS[5]`: hash, expiry, groups, sum.
const LEAVE: &str = "\
local function leave(key)
  local of = redis.call('HGET', KEYS[2], key)
  redis.call('HDEL', KEYS[2], key)
  redis.call('ZREM', KEYS[3], key)
  if not of then return end
  local bytes, group = string.match(of, '^(%d+) (.*)$')
  redis.call('ZREM', KEYS[2] .. ':' .. group, key)
  redis.call('DECRBY', KEYS[5], bytes)
  if tonumber(redis.call('ZINCRBY', KEYS[4], -tonumber(bytes), group)) <= 0 then redis.call('ZREM', KEYS[4], group) end
end
local function sweep(now)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))) do leave(key) end
end
";
/// Creates `KEYS[1]`; evicts others until there is room for it. Returns 0 if it exists, -1 if there
/// is no room. `ARGV`: swept at once, value, expiry, key, group, bytes, most bytes, start of names,
/// longest time to live of an entry that waits.
const CREATE: &str = "
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
sweep(time[1] * 1000)
local bytes, most = tonumber(ARGV[6]), tonumber(ARGV[7])
while tonumber(redis.call('GET', KEYS[5]) or '0') + bytes > most do
  local group = redis.call('ZREVRANGE', KEYS[4], 0, 0)[1]
  if not group then
    redis.call('SET', KEYS[5], '0')
    if bytes > most then return -1 end
    break
  end
  local oldest = redis.call('ZRANGE', KEYS[2] .. ':' .. group, 0, 0)[1]
  if oldest then
    leave(oldest)
    if redis.call('PTTL', ARGV[8] .. oldest) <= tonumber(ARGV[9]) then redis.call('DEL', ARGV[8] .. oldest) end
  else
    redis.call('ZREM', KEYS[4], group)
  end
end
leave(ARGV[4])
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
redis.call('HSET', KEYS[2], ARGV[4], ARGV[6] .. ' ' .. ARGV[5])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[4])
redis.call('ZADD', KEYS[2] .. ':' .. ARGV[5], ARGV[3], ARGV[4])
redis.call('ZINCRBY', KEYS[4], bytes, ARGV[5])
redis.call('INCRBY', KEYS[5], bytes)
return 1";
/// Replaces a value, as [`super::REPLACE`], and ends the wait of the entry. `ARGV`: swept at once,
/// expected, value, expiry, key.
const USE: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PXAT', ARGV[4])
leave(ARGV[5])
return 1";
/// Removes those that have expired.
const SWEEP: &str = "
local time = redis.call('TIME')
sweep(time[1] * 1000)
return 1";

/// Names of the kind's hash, expiry, groups and sum. No kind is called "waiting".
fn names(kind: EntryKind) -> [String; 4] {
    let base = format!("portcullis:as:waiting:{}", kind.name());
    let [expiry, groups, sum] =
        ["expiry", "groups", "sum"].map(|part| format!("portcullis:as:waiting-{part}:{}", kind.name()));
    [base, expiry, groups, sum]
}

impl Redis {
    /// Creates an entry that waits in a group.
    pub(crate) async fn create_waiting(
        &self,
        clock: &dyn Clock,
        kind: EntryKind,
        key: &str,
        value: &[u8],
        until: Duration,
        group: &str,
    ) -> Result<bool, StoreFault> {
        let bytes = key.len().saturating_add(value.len()).saturating_add(WAITING_OVERHEAD_BYTES);
        let mut command = cmd("EVAL");
        command.arg(format!("{LEAVE}{CREATE}")).arg(5).arg(name(kind, key)).arg(&names(kind)[..]);
        command.arg(WAITING_SWEPT_MAX).arg(value).arg(millis(until)).arg(key).arg(group).arg(bytes);
        let longest = millis(UNUSED_CLIENT_AGE.saturating_mul(2));
        command.arg(self.waiting_bytes_max).arg(name(kind, "")).arg(longest);
        match self.ask::<i64>(clock, &command).await? {
            1 => Ok(true),
            0 => Ok(false),
            _ => Err(StoreFault::full(kind)),
        }
    }

    /// Replaces the value of an entry that may wait: from now on it is in use.
    pub(super) async fn begin_use(
        &self,
        clock: &dyn Clock,
        kind: EntryKind,
        key: &str,
        (expected, value): (&[u8], &[u8]),
        until: Duration,
    ) -> Result<bool, StoreFault> {
        let mut command = cmd("EVAL");
        command.arg(format!("{LEAVE}{USE}")).arg(5).arg(name(kind, key)).arg(&names(kind)[..]);
        command.arg(WAITING_SWEPT_MAX).arg(expected).arg(value).arg(millis(until)).arg(key);
        self.ask(clock, &command).await
    }

    /// Forgets those that have expired.
    pub(super) async fn sweep_waiting(&self, clock: &dyn Clock, kind: EntryKind) -> Result<(), StoreFault> {
        let mut command = cmd("EVAL");
        command.arg(format!("{LEAVE}{SWEEP}")).arg(5).arg(name(kind, "")).arg(&names(kind)[..]).arg(WAITING_SWEPT_MAX);
        self.ask(clock, &command).await
    }
}
