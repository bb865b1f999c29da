//! Asks the company IdP whether a family's session is alive: once at a time (SPEC E-41).
//!
//! The IdP may accept its refresh token only once, and take a second use for theft. So the exchange
//! has a task of its own, which no client can interrupt; replicas take turns with a
//! [`StoreLease`]; and the IdP's new token is stored before anything else is done with the answer.
//! In these cases the IdP may nevertheless see a token twice, and will probably end the session, so
//! that the user signs in again: the process is killed, or stands still for longer than a lease,
//! between the IdP's answer and the store; the store stays away for longer than [`IDP_TOKEN_KEPT`]
//! after the answer; the IdP does not answer at all within [`IDP_REFRESH_TIMEOUT`].
//!
//! [`IDP_REFRESH_TIMEOUT`]: crate::base::limits::authorization_server::IDP_REFRESH_TIMEOUT

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use crate::{
    authorization_server::{
        embedded::{Embedded, State},
        event,
        grant::family::{self, written},
        lease::StoreLease,
        person::{
            bridge::{
                Bridge,
                session::{Believed, IdpSession, Refreshed},
            },
            kept,
        },
        renewals::Renewal,
        store::{fault::StoreFault, kind::EntryKind},
    },
    base::{
        limits::authorization_server::{IDP_TOKEN_KEPT, LEASE_POLL, REFRESH_WAITS_FOR_IDP},
        names::Issuer,
    },
    decide::authorization_server::{error::Code, people::Person, refresh_family::Family},
};

/// How often the store is asked again to take a new token of the IdP.
const STORE_AGAIN: Duration = Duration::from_millis(250);

/// Asks the IdP about the session of the family `id`, whose newest token has the digest `current`,
/// or waits for the exchange under way.
pub(crate) async fn renew(embedded: &Embedded, id: &str, current: [u8; 32]) -> Renewal {
    let state = &embedded.state;
    let work = Work {
        state: Arc::clone(state),
        issuer: embedded.settings.issuer.clone(),
        named: embedded.settings.named_claims(),
        id: id.into(),
        current,
    };
    let Some(mut outcome) = state.renewals.join(id, || work.run()) else {
        return busy("too many refreshes are under way; try again later");
    };
    match timeout(REFRESH_WAITS_FOR_IDP, outcome.wait_for(Option::is_some)).await {
        Ok(Ok(renewal)) => renewal.clone().unwrap_or(Renewal::Changed),
        Ok(Err(_)) => busy("this refresh was interrupted; try again"),
        Err(_) => busy("the company's identity provider has not answered yet; try again"),
    }
}

fn busy(why: &'static str) -> Renewal {
    Renewal::Failed(Code::TemporarilyUnavailable.because(why))
}

/// One exchange. It owns what it needs.
struct Work {
    state: Arc<State>,
    issuer: Issuer,
    /// The claims that count.
    named: Vec<Box<str>>,
    id: Box<str>,
    current: [u8; 32],
}

impl Work {
    async fn run(self) -> Renewal {
        match Box::pin(self.take_turn()).await {
            Ok(renewal) => renewal,
            Err(fault) => Renewal::Failed(fault.into()),
        }
    }

    /// Waits for this replica's turn. What another replica does in its turn is often enough.
    async fn take_turn(&self) -> Result<Renewal, StoreFault> {
        let deadline = Instant::now() + REFRESH_WAITS_FOR_IDP;
        loop {
            if let Some(lease) = StoreLease::take(&self.state.store, &*self.state.clock, &self.id).await? {
                return lease.during(Box::pin(self.ask())).await;
            }
            if self.question().await?.is_none() {
                return Ok(Renewal::Changed);
            }
            if Instant::now() >= deadline {
                return Ok(busy("another replica still asks the company's identity provider; try again"));
            }
            sleep(LEASE_POLL).await;
        }
    }

    /// The family, if the IdP is still to be asked for its newest token.
    async fn question(&self) -> Result<Option<Family>, StoreFault> {
        let family = family::read(&self.state, &self.id).await?;
        let now = self.state.clock.now().wall;
        Ok(family.filter(|family| family.current == self.current && !family.is_confirmed(now)))
    }

    async fn ask(&self) -> Result<Renewal, StoreFault> {
        let (Some(family), Some(bridge)) = (self.question().await?, &self.state.bridge) else {
            return Ok(Renewal::Changed);
        };
        // Without an IdP session the IdP cannot be asked, so the family ends.
        let sealed = family.bridge.as_deref();
        let opened = sealed.and_then(|sealed| IdpSession::open(&self.state.sealer, sealed, &family.person));
        let Some(session) = opened else {
            return self.end(&family, "session unknown: revoked").await;
        };
        let refreshed = match bridge.refresh(session).await {
            Ok(Some(refreshed)) => refreshed,
            Ok(None) => return self.end(&family, "session over: revoked").await,
            Err(error) => return Ok(Renewal::Failed(error)),
        };
        self.keep(bridge, refreshed, &family.person).await
    }

    /// Stores the IdP's new token, and only then looks at the rest of its answer.
    /// `before`: the user as of the last answer.
    async fn keep(&self, bridge: &Bridge, refreshed: Refreshed, before: &Person) -> Result<Renewal, StoreFault> {
        let seal = |session: &IdpSession| session.seal(&self.state.sealer);
        if refreshed.is_rotated {
            let sealed = match seal(&refreshed.session) {
                Ok(sealed) => sealed,
                Err(error) => return Ok(Renewal::Failed(error)),
            };
            let kept = self.change(|family| Family { bridge: Some(sealed.clone()), ..family.clone() }).await?;
            if !kept {
                return Ok(Renewal::Changed);
            }
        }
        let has_id_token = refreshed.has_id_token();
        let session = match bridge.believe(refreshed).await {
            Ok(Believed::Session(session)) => session,
            Ok(Believed::ClaimsTooOld) => return self.end_now("claims too old: revoked").await,
            Ok(Believed::OtherUser) => {
                // OpenID Connect Core §12.2, §5.3.4: a refresh never changes the subject.
                tracing::error!("the company IdP answered a refresh with claims of another user");
                return self.end_now("another user at the IdP: revoked").await;
            }
            Ok(Believed::Over) => return self.end_now("session over: revoked").await,
            Ok(Believed::NotAdmitted) => return self.end_now("no longer admitted at the IdP: revoked").await,
            Err(error) => return Ok(Renewal::Failed(error)),
        };
        if !has_id_token {
            self.state.claims_seen.note_userinfo(&self.named, &before.claims, &session.person.claims);
        }
        // The login stays: its user did nothing wrong.
        let person = match kept::shortened(session.person, &self.named, bridge, Code::TemporarilyUnavailable) {
            Ok(person) => person,
            Err(error) => return Ok(Renewal::Failed(error)),
        };
        let session = IdpSession { person, ..session };
        let sealed = match seal(&session) {
            Ok(sealed) => sealed,
            Err(error) => return Ok(Renewal::Failed(error)),
        };
        let now = self.state.clock.now().wall;
        self.change(|family| family.confirmed_at(now, session.person.clone(), sealed.clone())).await?;
        Ok(Renewal::Changed)
    }

    /// Changes the family in the store. `false` if it is gone, or if its newest token is another:
    /// then this replica has lost its lease, and the other's answer of the IdP is the newer one.
    /// While the store is away it is asked again: the answer of the IdP exists only here.
    async fn change(&self, changed: impl Fn(&Family) -> Family) -> Result<bool, StoreFault> {
        let deadline = Instant::now() + IDP_TOKEN_KEPT;
        loop {
            match self.try_change(&changed).await {
                Ok(Some(kept)) => return Ok(kept),
                Ok(None) => {}
                Err(fault) if Instant::now() < deadline => {
                    tracing::debug!(%fault, "an answer of the company IdP waits for the store");
                    sleep(STORE_AGAIN).await;
                }
                Err(fault) => {
                    tracing::error!(%fault, "the store did not take the company IdP's new refresh token; its user must sign in again");
                    return Err(fault);
                }
            }
        }
    }

    /// `None` if the family changed meanwhile.
    async fn try_change(&self, changed: impl Fn(&Family) -> Family) -> Result<Option<bool>, StoreFault> {
        let store = &self.state.store;
        let Some(before) = store.get(EntryKind::Family, &self.id).await? else { return Ok(Some(false)) };
        let Ok(family) = serde_json::from_slice::<Family>(&before) else { return Ok(Some(false)) };
        if family.current != self.current {
            tracing::warn!("a refresh family was exchanged while the company IdP was asked about it");
            return Ok(Some(false));
        }
        let after = written(&changed(&family))?;
        Ok(store.replace(EntryKind::Family, &self.id, &before, after, None).await?.then_some(true))
    }

    async fn end_now(&self, outcome: &'static str) -> Result<Renewal, StoreFault> {
        match family::read(&self.state, &self.id).await? {
            Some(family) => self.end(&family, outcome).await,
            None => Ok(Renewal::Changed),
        }
    }

    async fn end(&self, family: &Family, outcome: &'static str) -> Result<Renewal, StoreFault> {
        event::note_of(&self.issuer, "refresh", Some(&family.client), Some(&family.person.subject), outcome);
        family::end_of(&self.state, &self.id, self.state.clock.now()).await?;
        Ok(Renewal::Ended)
    }
}
