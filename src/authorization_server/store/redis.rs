//! The Redis store: entries in Redis or Valkey, for several replicas.
//!
//! An entry is a string under `portcullis:as:<kind>:<key>` with an expiry (PXAT). Redis must be
//! configured with `maxmemory-policy noeviction` ([`Redis::eviction`]), so that a full store
//! refuses new entries instead of dropping consents and revocations. What survives a crash of its
//! machine depends on `appendfsync`. Registrations that no user has allowed anything are bounded
//! ([`waiting`]). Requires Redis 6.2 or Valkey 7.2.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    ServerErrorKind, aio::MultiplexedConnection, cmd,
};
use rustls::ClientConfig;
use tokio::{task::JoinHandle, time::timeout};

use super::{bounds::StoreBounds, fault::StoreFault, kind::EntryKind};
use crate::{
    base::{
        clock::Clock,
        limits::authorization_server::{STORE_ANSWER_TIMEOUT, STORE_AWAY, STORE_DIAL_TIMEOUT, STORE_LIST_BATCH},
        secret::Secret,
    },
    outbound::{
        address::AddressRule,
        dial::{Dialler, Peer},
        fetch::{Roots, client_tls},
    },
};

mod scan;
mod waiting;

/// Replaces `ARGV[1]` with `ARGV[2]`. In Lua a missing string is `false`, which equals no text.
const REPLACE: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
end
return 1";

/// Removes the names of expired entries from an index, by the clock of Redis: a replica whose clock
/// is ahead must not hide revocations from the others.
const SWEEP: &str = "\
local now = redis.call('TIME')
return redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now[1] * 1000)";

/// The end of the year 9999: Redis refuses times beyond its range.
const UNTIL_MAX: Duration = Duration::from_millis(253_402_300_799_999);

/// One shared connection, opened on first use.
pub(crate) struct Redis {
    peer: Peer,
    /// Bytes that entries of one kind that wait for their first use may take together.
    waiting_bytes_max: usize,
    login: RedisConnectionInfo,
    /// Its resolver looks up one name only, so that a DNS that hangs blocks one thread.
    dialler: Dialler,
    link: Mutex<Link>,
    /// Held by the task that dials; other tasks wait and use its connection.
    dialling: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Link {
    open: Option<Open>,
    /// Until when (monotonic) Redis is not dialled again, and why the last attempt failed.
    away: Option<(Duration, StoreFault)>,
    dialled: u64,
}

/// An open connection; dropping it closes it.
struct Open {
    connection: MultiplexedConnection,
    driver: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Redis {
    /// `redis://` or, with TLS, `rediss://`; then `[[user]:password@]host[:port][/database]`.
    pub(crate) fn new(url: &Secret, roots: Roots, bounds: StoreBounds) -> Result<Self, StoreFault> {
        let wrong = |what: &str| StoreFault(format!("the URL of Redis {what}"));
        let text = std::str::from_utf8(url.expose()).map_err(|_| wrong("is not text"))?.trim();
        let (tls, rest) = match (text.strip_prefix("redis://"), text.strip_prefix("rediss://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(wrong("must begin with redis:// or rediss://")),
        };
        // The library reads `#insecure` as "accept any certificate"; options without effect here
        // are refused.
        if rest.contains(['?', '#']) {
            return Err(wrong("must end after the database: ? and # are not allowed; write them as %3F and %23"));
        }
        // The gateway does TLS itself, so that the certificate is verified like all others.
        let parsed = format!("redis://{rest}").into_connection_info().map_err(|_| {
            wrong("cannot be read: expected redis[s]://[[user]:password@]host[:port][/database], special characters as %XX")
        })?;
        let ConnectionAddr::Tcp(host, port) = parsed.addr() else {
            return Err(wrong("names no host"));
        };
        let login = parsed.redis_settings().clone().set_skip_set_lib_name();
        if login.username().is_some() && login.password().is_none() {
            return Err(wrong("has a user without a password; a password alone is written as :password@"));
        }
        let mut config = ClientConfig::clone(&client_tls(roots, false));
        config.alpn_protocols.clear();
        Ok(Self {
            waiting_bytes_max: bounds.anyone.bytes,
            peer: Peer { host: host.as_str().into(), port: *port, tls },
            login,
            dialler: Dialler::new(Arc::new(config)),
            link: Mutex::default(),
            dialling: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) async fn get(
        &self,
        clock: &dyn Clock,
        kind: EntryKind,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StoreFault> {
        self.ask(clock, cmd("GET").arg(name(kind, key))).await
    }

    pub(crate) async fn put(
        &self,
        clock: &dyn Clock,
        kind: EntryKind,
        key: &str,
        value: &[u8],
        until: Duration,
    ) -> Result<(), StoreFault> {
        self.enter(clock, kind, key, until).await?;
        self.ask(clock, cmd("SET").arg(name(kind, key)).arg(value).arg("PXAT").arg(millis(until))).await
    }

    pub(crate) async fn create(
        &self,
        clock: &dyn Clock,
        kind: EntryKind,
        key: &str,
        value: &[u8],
        until: Duration,
    ) -> Result<bool, StoreFault> {
        self.enter(clock, kind, key, until).await?;
        let mut command = cmd("SET");
        command.arg(name(kind, key)).arg(value).arg("NX").arg("PXAT").arg(millis(until));
        let written: Option<String> = self.ask(clock, &command).await?;
        Ok(written.is_some())
    }

    pub(crate) async fn take(
        &self,
        clock: &dyn Clock,
        kind: EntryKind,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StoreFault> {
        self.ask(clock, cmd("GETDEL").arg(name(kind, key))).await
    }

    pub(crate) async fn replace(
        &self,
        clock: &dyn Clock,
        kind: EntryKind,
        key: &str,
        expected: &[u8],
        value: &[u8],
        until: Option<Duration>,
    ) -> Result<bool, StoreFault> {
        if let (EntryKind::Client, Some(until)) = (kind, until) {
            return self.begin_use(clock, kind, key, (expected, value), until).await;
        }
        if let Some(until) = until {
            self.enter(clock, kind, key, until).await?;
        }
        let until = until.map(|until| millis(until).to_string()).unwrap_or_default();
        let mut command = cmd("EVAL");
        command.arg(REPLACE).arg(1).arg(name(kind, key)).arg(expected).arg(value).arg(until);
        self.ask(clock, &command).await
    }

    /// Reads the index of the kind: a scan of all of Redis could take too long.
    pub(crate) async fn list(&self, clock: &dyn Clock, kind: EntryKind) -> Result<Vec<(String, Vec<u8>)>, StoreFault> {
        let keys: Vec<String> = self.ask(clock, cmd("ZRANGE").arg(index(kind)).arg(0).arg(-1)).await?;
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(STORE_LIST_BATCH) {
            let names: Vec<String> = keys.iter().map(|key| name(kind, key)).collect();
            let mut command = cmd("MGET");
            command.arg(names);
            let values: Vec<Option<Vec<u8>>> = self.ask(clock, &command).await?;
            found.extend(keys.iter().zip(values).filter_map(|(key, value)| Some((key.clone(), value?))));
        }
        Ok(found)
    }

    pub(crate) async fn sweep(&self, clock: &dyn Clock) -> Result<(), StoreFault> {
        for kind in EntryKind::ALL.into_iter().filter(|kind| kind.is_listed()) {
            self.ask::<()>(clock, cmd("EVAL").arg(SWEEP).arg(1).arg(index(kind))).await?;
        }
        self.sweep_waiting(clock, EntryKind::Client).await
    }

    /// Writes a key into the index of its kind, if that kind is listed. The index comes before the
    /// entry: a key without an entry is harmless, but a revocation outside the index has no effect.
    async fn enter(&self, clock: &dyn Clock, kind: EntryKind, key: &str, until: Duration) -> Result<(), StoreFault> {
        if !kind.is_listed() {
            return Ok(());
        }
        self.ask(clock, cmd("ZADD").arg(index(kind)).arg("GT").arg(millis(until)).arg(key)).await
    }

    /// Sends one command and waits for its answer within a bound. Never retried: a command whose
    /// answer was lost may have been executed.
    async fn ask<T: FromRedisValue>(&self, clock: &dyn Clock, command: &Cmd) -> Result<T, StoreFault> {
        let mut used = None;
        let asked = timeout(STORE_ANSWER_TIMEOUT, async {
            let (mut connection, number) = self.connection(clock).await?;
            used = Some(number);
            Ok(command.query_async(&mut connection).await)
        });
        match asked.await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) => {
                let fault = StoreFault(format!("Redis: {error}"));
                if is_lost(&error) {
                    self.lost(clock, used, &fault);
                }
                Err(fault)
            }
            Ok(Err(fault)) => Err(fault),
            Err(_) => {
                let fault = StoreFault(format!("Redis gave no answer within {STORE_ANSWER_TIMEOUT:?}"));
                self.lost(clock, used, &fault);
                Err(fault)
            }
        }
    }

    /// The connection and its number; dials if there is no connection.
    async fn connection(&self, clock: &dyn Clock) -> Result<(MultiplexedConnection, u64), StoreFault> {
        if let Some(found) = self.at_hand(clock)? {
            return Ok(found);
        }
        let _turn = self.dialling.lock().await;
        if let Some(found) = self.at_hand(clock)? {
            return Ok(found);
        }
        let dialled = match timeout(STORE_DIAL_TIMEOUT, self.dial()).await {
            Ok(dialled) => dialled,
            Err(_) => Err(StoreFault(format!("Redis was not reached within {STORE_DIAL_TIMEOUT:?}"))),
        };
        let mut link = self.link();
        match dialled {
            Ok(open) => {
                let connection = open.connection.clone();
                link.dialled += 1;
                link.open = Some(open);
                Ok((connection, link.dialled))
            }
            Err(fault) => {
                link.away = Some((clock.now().mono + STORE_AWAY, fault.clone()));
                Err(fault)
            }
        }
    }

    fn at_hand(&self, clock: &dyn Clock) -> Result<Option<(MultiplexedConnection, u64)>, StoreFault> {
        let link = self.link();
        if let Some((until, fault)) = &link.away
            && clock.now().mono < *until
        {
            return Err(fault.clone());
        }
        // The driver ends when Redis closes the connection, often long before the next command.
        let open = link.open.as_ref().filter(|open| !open.driver.is_finished());
        Ok(open.map(|open| (open.connection.clone(), link.dialled)))
    }

    async fn dial(&self) -> Result<Open, StoreFault> {
        let stream = self.dialler.dial(&self.peer, AddressRule::Configured, STORE_DIAL_TIMEOUT).await;
        let stream = stream
            .map_err(|fault| StoreFault(format!("Redis was not reached ({}): {}", fault.kind.label(), fault.cause)))?;
        // `ask` bounds the whole command.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (connection, driver) = MultiplexedConnection::new_with_config(&self.login, stream, config)
            .await
            .map_err(|error| StoreFault(format!("Redis refused the login: {error}")))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the open connection keeps its handle and aborts it when dropped"
        )]
        let driver = tokio::spawn(driver);
        Ok(Open { connection, driver })
    }

    /// Drops the connection of this number, unless there is a newer one, and pauses before the next
    /// dial.
    fn lost(&self, clock: &dyn Clock, number: Option<u64>, fault: &StoreFault) {
        let mut link = self.link();
        if number.is_some_and(|number| number == link.dialled) {
            link.open = None;
            link.away = Some((clock.now().mono + STORE_AWAY, fault.clone()));
        }
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the connection is unusable: broken, or to a server that has become a replica.
fn is_lost(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_io_error()
        || error.kind() == ::redis::ErrorKind::Server(ServerErrorKind::ReadOnly)
}

fn name(kind: EntryKind, key: &str) -> String {
    format!("portcullis:as:{}:{key}", kind.name())
}

/// The index of a kind: a sorted set of keys by expiry. No kind is called "index".
fn index(kind: EntryKind) -> String {
    format!("portcullis:as:index:{}", kind.name())
}

/// Redis deletes an entry with a past expiry at once, and refuses an expiry of zero.
fn millis(until: Duration) -> u64 {
    u64::try_from(until.min(UNTIL_MAX).as_millis()).unwrap_or(u64::MAX).max(1)
}
