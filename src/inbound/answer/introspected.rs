//! Asks again about the opaque token of an open stream, and ends the stream when it is not active.

use std::{
    future::pending,
    sync::{Arc, Weak},
};

use tokio::time::sleep;

use crate::{
    base::clock::Now,
    decide::{refusal::Refusal, token::caller::Caller},
    inbound::state::{gateway::Gateway, server::Server},
};

/// Ends when the token of `caller` is no longer active, or no longer permits the stream by
/// `may_still`; never for a token that was not introspected.
///
/// An issuer that does not answer once is asked again after another period. If it does not answer
/// then, the stream ends: nothing shows any more that the token is active.
pub(super) async fn until_inactive(
    gateway: &Weak<Gateway>,
    before: &Server,
    caller: &Caller,
    may_still: impl Fn(&Server, &Arc<Caller>, Now) -> bool,
) {
    if caller.introspected().is_none() {
        return pending().await;
    }
    let mut unanswered = false;
    loop {
        let Some(issuer) = before.issuer_of(caller) else { return };
        let Some(period) = issuer.introspector().map(|introspector| introspector.period()) else { return };
        sleep(period).await;
        let Some((snapshot, now)) = gateway.upgrade().map(|of| (of.snapshot.load_full(), of.clock.now())) else {
            return;
        };
        // By the configuration in force: another introspection endpoint may be configured now.
        let Some(server) = snapshot.successor(before) else { return };
        let Some(introspector) = server.issuer_of(caller).and_then(|issuer| issuer.introspector()) else { return };
        match introspector.verify_again(caller).await {
            Ok(again) if again.principal() == caller.principal() && may_still(server, &again, now) => {
                unanswered = false;
            }
            Ok(_) | Err(Refusal::Token(_)) => return,
            Err(_) if unanswered => return,
            Err(_) => unanswered = true,
        }
    }
}
