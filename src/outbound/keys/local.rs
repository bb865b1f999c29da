//! The keys and revocations of the embedded authorization server, passed on in memory.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use serde_json::Value;
use tokio::{sync::watch, time::timeout};

use super::revoked::RevokedTokens;
use crate::{
    base::limits::fetch::FETCH_TIMEOUT,
    decide::{authorization_server::holders::Holders, token::caller::Caller},
};

/// Written by the embedded authorization server, read by the gateway.
#[derive(Default)]
pub struct LocalKeys {
    document: watch::Sender<Option<Bytes>>,
    /// Access tokens and families that were revoked before they expired.
    revoked: RevokedTokens,
    /// The users and clients of the configuration; before the first report, all that tokens name.
    holders: ArcSwapOption<Holders>,
    /// Notified of each change of the two above.
    revocations: watch::Sender<()>,
}

impl LocalKeys {
    /// Publishes a key set.
    pub fn publish(&self, document: Bytes) {
        self.document.send_if_modified(|before| {
            let is_other = before.as_ref() != Some(&document);
            *before = Some(document);
            is_other
        });
    }

    /// Adds revoked tokens and families.
    pub fn revoke<'a>(&self, names: impl IntoIterator<Item = &'a Arc<str>>) {
        // Open streams wake only on a change.
        if names.into_iter().filter(|name| self.revoked.insert(name)).count() > 0 {
            self.revocations.send_replace(());
        }
    }

    /// Forgets a revoked token or family: its tokens have expired.
    pub fn forget(&self, name: &str) {
        self.revoked.remove(name);
    }

    /// Replaces the users and clients whose tokens count.
    pub fn accept_only(&self, holders: Holders) {
        if self.holders.load().as_deref() != Some(&holders) {
            self.holders.store(Some(Arc::new(holders)));
            self.revocations.send_replace(());
        }
    }

    /// Whether the token with this `jti`, or its whole family, is revoked.
    #[must_use]
    pub fn is_revoked(&self, jti: &str) -> bool {
        self.revoked.contain(jti)
    }

    /// Whether the token of `caller` no longer counts: it is revoked, or its user or client was
    /// removed. All tokens of the embedded server have a `jti`, so one without counts as revoked.
    #[must_use]
    pub fn is_withdrawn(&self, caller: &Caller) -> bool {
        let is_revoked = caller.claims().get("jti").and_then(Value::as_str).is_none_or(|jti| self.is_revoked(jti));
        let holders = self.holders.load();
        let is_held = |holders: &Arc<Holders>| holders.include(caller.subject(), caller.client().unwrap_or_default());
        is_revoked || !holders.as_ref().is_none_or(is_held)
    }

    /// Waits until [`Self::is_withdrawn`], which may never happen.
    pub async fn until_withdrawn(&self, caller: &Caller) {
        let mut revocations = self.revocations.subscribe();
        // The sender lives as long as `self`, so the wait ends only with a change.
        while !self.is_withdrawn(caller) && revocations.changed().await.is_ok() {}
    }

    /// The key set in force.
    pub(super) fn document(&self) -> Option<Bytes> {
        self.document.borrow().clone()
    }

    /// As [`Self::document`], but waits for the first document at the start of the process.
    pub(super) async fn first_document(&self) -> Option<Bytes> {
        let mut documents = self.document.subscribe();
        // After a timeout, too, the present document is used.
        let _ = timeout(FETCH_TIMEOUT, documents.wait_for(Option::is_some)).await;
        self.document()
    }

    /// Notifies of each new key set from now on.
    pub(super) fn documents(&self) -> watch::Receiver<Option<Bytes>> {
        self.document.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::time::timeout;

    use super::*;

    fn revoke(keys: &LocalKeys, names: &[&str]) {
        let names: Vec<Arc<str>> = names.iter().map(|one| Arc::from(*one)).collect();
        keys.revoke(&names);
    }

    #[test]
    fn e27_a_revoked_token_and_every_token_of_a_revoked_family_are_known() {
        let keys = LocalKeys::default();
        assert!(!keys.is_revoked("family.one"));
        revoke(&keys, &["family", "other.two"]);
        for (jti, verdict) in [
            ("family.one", true),
            ("family.two", true),
            ("family", true),
            ("other.two", true),
            ("other.three", false),
            ("famil.one", false),
            ("familyx.one", false),
            ("", false),
        ] {
            assert_eq!(keys.is_revoked(jti), verdict, "{jti}");
        }
        keys.forget("family");
        assert!(!keys.is_revoked("family.one"), "a revocation that ended is forgotten");
        assert!(keys.is_revoked("other.two"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_revocation_learns_of_it_and_of_no_other() {
        let keys = LocalKeys::default();
        let caller = Caller::for_tests("ada", &[], json!({"jti": "family.one"}));
        let mut waiting = std::pin::pin!(keys.until_withdrawn(&caller));
        assert!(timeout(Duration::from_secs(1), &mut waiting).await.is_err());
        revoke(&keys, &["other"]);
        assert!(timeout(Duration::from_secs(1), &mut waiting).await.is_err());
        revoke(&keys, &["other", "family"]);
        waiting.await;
        keys.until_withdrawn(&Caller::for_tests("ada", &[], json!({"jti": "other.one"}))).await;
    }

    #[tokio::test(start_paused = true)]
    async fn b1_who_waits_learns_of_the_removal_of_its_user_and_of_no_other() {
        let keys = LocalKeys::default();
        let holders = |accounts: &[&str]| Holders {
            accounts: Some(accounts.iter().map(|one| Box::from(*one)).collect()),
            clients: [Box::from("client")].into(),
            refused: Vec::new(),
            acting: None,
        };
        let caller = Caller::for_tests("ada", &[], json!({"jti": "family.one"}));
        let mut waiting = std::pin::pin!(keys.until_withdrawn(&caller));
        keys.accept_only(holders(&["ada", "bob"]));
        assert!(timeout(Duration::from_secs(1), &mut waiting).await.is_err());
        keys.accept_only(holders(&["ada"]));
        assert!(timeout(Duration::from_secs(1), &mut waiting).await.is_err());
        keys.accept_only(holders(&["bob"]));
        waiting.await;
        keys.accept_only(holders(&["ada", "bob"]));
        assert!(!keys.is_withdrawn(&caller), "the account is there again");
        assert!(keys.is_withdrawn(&Caller::for_tests("ada", &[], json!({}))), "a token without jti");
    }
}
