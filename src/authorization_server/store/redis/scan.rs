//! Goes through Redis entry by entry, and asks whether it evicts live entries.

use ::redis::cmd;

use super::{Redis, name};
use crate::{
    authorization_server::store::{batch::Batch, fault::StoreFault, kind::EntryKind},
    base::{clock::Clock, limits::authorization_server::STORE_LIST_BATCH},
};

impl Redis {
    /// One step of SCAN: the command may return any number of entries, and some twice.
    pub(crate) async fn scan(
        &self,
        clock: &dyn Clock,
        kind: EntryKind,
        from: Option<String>,
    ) -> Result<Batch, StoreFault> {
        let prefix = name(kind, "");
        let mut command = cmd("SCAN");
        command.arg(from.as_deref().unwrap_or("0")).arg("MATCH").arg(format!("{prefix}*"));
        let (next, names): (String, Vec<String>) = self.ask(clock, command.arg("COUNT").arg(STORE_LIST_BATCH)).await?;
        let next = (next != "0").then_some(next);
        if names.is_empty() {
            return Ok((Vec::new(), next));
        }
        let mut command = cmd("MGET");
        command.arg(&names);
        let values: Vec<Option<Vec<u8>>> = self.ask(clock, &command).await?;
        let entries = names.iter().zip(values);
        let entries = entries.filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?.to_owned(), value?)));
        Ok((entries.collect(), next))
    }

    /// The `maxmemory-policy`, if it evicts. A managed Redis may refuse CONFIG; INFO says the same.
    pub(crate) async fn eviction(&self, clock: &dyn Clock) -> Result<Option<String>, StoreFault> {
        let configured: Result<Vec<String>, StoreFault> =
            self.ask(clock, cmd("CONFIG").arg("GET").arg("maxmemory-policy")).await;
        let policy = match configured.ok().and_then(|pair| pair.into_iter().nth(1)) {
            Some(policy) => policy,
            None => {
                let text: String = self.ask(clock, cmd("INFO").arg("memory")).await?;
                let policy = policy_of(&text).map(str::to_owned);
                policy.ok_or_else(|| StoreFault("Redis does not say which maxmemory-policy it has".to_owned()))?
            }
        };
        Ok((policy != "noeviction").then(|| policy.chars().filter(char::is_ascii_graphic).take(40).collect()))
    }
}

/// The line of `INFO memory`.
fn policy_of(info: &str) -> Option<&str> {
    info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::policy_of;

    #[test]
    fn login_a12_the_policy_is_found_in_what_info_says() {
        let info = "# Memory\r\nused_memory:1\r\nmaxmemory_human:0B\r\nmaxmemory_policy:allkeys-lru\r\nallocator:x\r\n";
        assert_eq!(policy_of(info), Some("allkeys-lru"));
        assert_eq!(policy_of("# Memory\r\nused_memory:1\r\n"), None);
    }
}
