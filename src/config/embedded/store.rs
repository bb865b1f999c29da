//! Reads `store`: where an embedded authorization server keeps its data.

use crate::{
    authorization_server::settings::StoreSettings,
    base::secret::Secret,
    config::{
        place::Written,
        problem::quoted,
        reader::{Field, Fields},
        secret::{self, Referred},
        value,
    },
};

const URL: &str = "a URL such as redis://redis.internal:6379/0";

/// `store` as read.
pub(super) struct WrittenStore {
    pub(super) store: Option<Written<StoreSettings>>,
    /// The reference or the URL of `redis`.
    pub(super) redis: Option<Box<str>>,
    /// `allow_eviction`.
    pub(super) allow_eviction: bool,
}

/// `store`. The logins of a trial need not outlive the process.
pub(super) fn store(fields: &mut Fields<'_>, is_trial: bool) -> WrittenStore {
    let mut redis = None;
    let Some(field) = fields.get("store") else {
        if !is_trial {
            warn_of_memory(&fields.of, "no `store`");
        }
        let store = Some(Written { value: StoreSettings::Memory, place: fields.of.place.clone() });
        return WrittenStore { store, redis, allow_eviction: false };
    };
    let mut allow_eviction = false;
    let kept = std::cell::RefCell::new(&mut redis);
    let read = field.section("authorization_servers.*.embedded.store", |fields| {
        allow_eviction = may_evict(fields);
        fields.exactly_one(&["memory", "file", "redis"], |kind, field| match kind {
            "file" => {
                let path = value::path(&field, "the path of a file, which is created where it does not exist")?;
                Some(Written { value: StoreSettings::File(path), place: field.place })
            }
            "redis" => {
                let Referred { secret, reference } = redis_url(&field)?;
                **kept.borrow_mut() = Some(reference);
                Some(Written { value: StoreSettings::Redis(secret), place: field.place })
            }
            _ if field.bool()? => {
                if !is_trial {
                    warn_of_memory(&field, "true");
                }
                Some(Written { value: StoreSettings::Memory, place: field.place })
            }
            _ => field.wrong("memory: true, or a `file` or `redis` in its place"),
        })
    });
    WrittenStore { store: read, redis, allow_eviction }
}

/// `allow_eviction`, which is about Redis.
fn may_evict(fields: &mut Fields<'_>) -> bool {
    let Some(field) = fields.get("allow_eviction") else { return false };
    let is_allowed = field.bool().unwrap_or_default();
    if fields.get("redis").is_none() {
        field.reading.problem(&field.place, "no `redis` beside it", "allow_eviction only with `redis`");
    } else if is_allowed {
        field.warn(
            "maxmemory-policy noeviction in Redis: a Redis that evicts deletes logins and revocations when it is full",
        );
    }
    is_allowed
}

fn warn_of_memory(field: &Field<'_>, found: &str) {
    let expected = "store: {file: …} for one replica or {redis: …} for several: with the memory store every login ends with the process";
    field.reading.warning(&field.place, found, expected);
}

/// A reference to a URL, or a URL without a secret. The value of a reference is never shown.
fn redis_url(field: &Field<'_>) -> Option<Referred> {
    let is_reference = field.scalar_text().is_some_and(|text| text.starts_with("env:") || text.starts_with("file:"));
    if is_reference {
        let referred = secret::secret(field)?;
        let text = std::str::from_utf8(referred.secret.expose()).ok();
        if let Err(expected) = text.ok_or(URL).and_then(|text| is_redis(text).map(drop)) {
            let found = format!("{}, which holds something else", referred.reference);
            field.reading.problem(&field.place, &found, expected);
            return None;
        }
        return Some(referred);
    }
    let text = field.text("a redis:// or rediss:// URL, or a reference to one: env:NAME or file:PATH")?;
    match is_redis(text) {
        Ok(authority) if authority.contains('@') || text.contains('?') => {
            let expected =
                "a URL without user name and password, or a reference to one with them: env:NAME or file:PATH";
            field.reading.problem(&field.place, "a URL with a credential in it (not shown)", expected);
            None
        }
        Ok(_) => Some(Referred { secret: Secret::new(text.as_bytes().to_vec()), reference: text.into() }),
        Err(expected) => {
            let found = if text.contains('@') { "a value that is not shown".to_owned() } else { quoted(text) };
            field.reading.problem(&field.place, &found, expected);
            None
        }
    }
}

/// User, password, host and port of a Redis URL.
fn is_redis(text: &str) -> Result<&str, &'static str> {
    let rest = text.strip_prefix("redis://").or_else(|| text.strip_prefix("rediss://"));
    let rest = rest.ok_or("a URL that begins with redis:// or, with TLS, rediss://")?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let is_plain = rest.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if host.is_empty() || host.starts_with(':') || !is_plain { Err(URL) } else { Ok(authority) }
}
