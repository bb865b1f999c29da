//! `grant_type=refresh_token`: only the newest token of a family is exchanged (SPEC E-23, E-41).

use std::time::Duration;

use tokio::time::sleep;

use super::response::{self, NewRefreshToken};
use crate::{
    authorization_server::{
        embedded::{Asked, Embedded},
        event,
        grant::{
            access_token::{self, AccessGrant},
            code::AuthorizationCode,
            family::{self, read_token, written},
            renewal, step_up,
            still_granted::StillGranted,
        },
        keys::{random, seal::Sealer},
        person::current,
        refusals::RefusalKind,
        renewals::Renewal,
        reply::{Denied, EndpointAnswer},
        store::kind::EntryKind,
    },
    base::{digest::sha256, limits::authorization_server::REFRESH_WAITS_FOR_DELIVERY, names::Scope},
    decide::authorization_server::{
        client::Client,
        error::{Code, OAuthError},
        form::Form,
        people::{self, Person},
        refresh_family::{Family, PresentedToken, Standing},
        resources::{self, OFFLINE_ACCESS, is_of_openid},
    },
};

/// The purpose that successors are sealed for.
const SEALED_FOR: &str = "successor";
/// The time between two checks whether an answer was delivered.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// How often to retry if the family changes meanwhile.
const ATTEMPTS: usize = 8;

/// Begins a family for `code`; returns its first token.
pub(crate) async fn begin(
    embedded: &Embedded,
    id: &str,
    code: &AuthorizationCode,
    ends: Duration,
    asked: &Asked<'_>,
) -> Result<NewRefreshToken, Denied> {
    let secret = random::unguessable().map_err(failed)?;
    let family = Family {
        client: code.client.clone(),
        person: code.person.clone(),
        scopes: code.scopes.clone(),
        named: code.named.clone(),
        resources: code.resources.clone(),
        current: sha256(secret.as_bytes()),
        previous: None,
        count: 1,
        renewed: asked.now.unix_secs(),
        ends: ends.as_secs(),
        bridge: code.bridge.clone(),
        confirmed: None,
        told_to_step_up: Vec::new(),
    };
    if !embedded.state.store.create(EntryKind::Family, id, written(&family)?, ends).await? {
        return Err(failed("the new family's id exists already").into());
    }
    Ok(NewRefreshToken {
        token: format!("{id}.{secret}"),
        on_delivered: None,
        is_offline: is_offline(&family.named, None),
    })
}

/// `grant_type=refresh_token`.
pub(crate) async fn exchange(
    embedded: &Embedded,
    client: &Client,
    form: &Form,
    asked: &Asked<'_>,
) -> Result<EndpointAnswer, Denied> {
    let token = form.get("refresh_token").ok_or_else(|| Code::InvalidRequest.because("refresh_token is missing"))?;
    let (id, secret) = read_token(token).ok_or_else(invalid)?;
    let presented = PresentedToken::with(secret, form, asked.now.wall);
    let exchange = Exchange { embedded, client, form, asked, id, secret, presented };
    let mut attempts = 0;
    let mut waited = Duration::ZERO;
    while attempts < ATTEMPTS {
        let before = embedded.state.store.get(EntryKind::Family, id).await?.ok_or_else(invalid)?;
        let family: Family = serde_json::from_slice(&before).map_err(|_| invalid())?;
        if family.client != client.id {
            return exchange.end_stolen(&family, "refresh token presented by another client: revoked").await;
        }
        // By the revocation of many of its access tokens, or its deletion failed.
        if embedded.state.revocations.have_ended(id) {
            return exchange.end(&family, "family was revoked").await;
        }
        match family.standing(&presented, embedded.settings.refresh_bounds()) {
            Standing::Expired => {
                embedded.state.store.delete(EntryKind::Family, id).await?;
                return Err(invalid().into());
            }
            Standing::Reused => return exchange.end_stolen(&family, "refresh token used twice: revoked").await,
            // The provider is not asked again: it was asked for the first use.
            Standing::Repeated(sealed) => return exchange.again(&family, sealed).await,
            // The answer to its first use may still be on its way; once that answer is delivered,
            // this is a second use.
            Standing::Unanswered(_) if waited < REFRESH_WAITS_FOR_DELIVERY => {
                sleep(LOOK_AGAIN).await;
                waited = waited.saturating_add(LOOK_AGAIN);
            }
            Standing::Unanswered(sealed) => return exchange.again(&family, sealed).await,
            Standing::Newest => {
                attempts += 1;
                if let Some(issued) = exchange.next(&family, &before).await? {
                    return Ok(issued);
                }
            }
        }
    }
    Err(Code::TemporarilyUnavailable.because("this refresh token is in use by several requests at once").into())
}

fn invalid() -> OAuthError {
    Code::InvalidGrant
        .because("the refresh token is invalid, expired, already used, revoked, or was issued to another client")
}

/// Whether the answer echoes `offline_access`: the authorization request named it, and this request
/// does not leave it out.
fn is_offline(named: &[Scope], asked: Option<&[Scope]>) -> bool {
    let has = |scopes: &[Scope]| scopes.iter().any(|scope| scope.as_str() == OFFLINE_ACCESS);
    has(named) && asked.is_none_or(has)
}

fn failed(cause: &'static str) -> OAuthError {
    Code::ServerError.because(cause)
}

/// A refresh token that its client presents, to be exchanged.
struct Exchange<'a> {
    embedded: &'a Embedded,
    client: &'a Client,
    form: &'a Form,
    asked: &'a Asked<'a>,
    id: &'a str,
    secret: &'a str,
    presented: PresentedToken,
}

/// What is left of the grant for this request.
struct Judged {
    scopes: Vec<Scope>,
    resources: Vec<Box<str>>,
}

impl Exchange<'_> {
    /// Exchanges the newest token; `None` if the family has changed meanwhile.
    async fn next(&self, family: &Family, before: &[u8]) -> Result<Option<EndpointAnswer>, Denied> {
        // A mistake in the request does not use up the token.
        self.check_request(family)?;
        let Some(person) = current::person_now(self.embedded, &family.person) else {
            return self.end_settled(family, "session over: revoked").await.map(Some);
        };
        // The token is not used up: a client that only tries again gets the next.
        match step_up::is_refused(self.embedded, (self.id, family, before), &person, self.client, self.asked.now)
            .await?
        {
            None => return Ok(None),
            Some(false) => {}
            Some(true) => {
                event::note(
                    self.embedded,
                    "refresh",
                    Some(&self.client.id),
                    Some(&person.subject),
                    "refused once, so that the client asks for more scope",
                );
                return Err(invalid().into());
            }
        }
        // The IdP's answer is stored with the family, and used for one exchange.
        let now = self.embedded.state.clock.now().wall;
        if self.embedded.state.bridge.is_some() && !family.is_confirmed(now) {
            return match renewal::renew(self.embedded, self.id, family.current).await {
                Renewal::Changed => Ok(None),
                Renewal::Ended => Err(invalid().into()),
                Renewal::Failed(error) => Err(error.into()),
            };
        }
        let Some(judged) = self.judge(family, &person)? else {
            return self.end_settled(family, "grant removed: revoked").await.map(Some);
        };
        let secret = random::unguessable().map_err(failed)?;
        let digest = sha256(secret.as_bytes());
        let sealer = Sealer::of_token(self.secret.as_bytes()).map_err(failed)?;
        let sealed = sealer.seal(SEALED_FOR, secret.as_bytes()).map_err(failed)?;
        let known = Family { person, ..family.clone() };
        let after = known.exchanged(&self.presented, digest, sealed);
        let store = &self.embedded.state.store;
        if !store.replace(EntryKind::Family, self.id, before, written(&after)?, None).await? {
            return Ok(None);
        }
        self.issue(&after, &judged, &secret).map(Some)
    }

    /// Sends the successor again: it was never delivered, or its client asks twice. Writes nothing,
    /// so that the grace is not prolonged.
    async fn again(&self, family: &Family, sealed: &[u8]) -> Result<EndpointAnswer, Denied> {
        self.check_request(family)?;
        let secret = Sealer::of_token(self.secret.as_bytes()).map_err(failed)?.open(SEALED_FOR, sealed);
        let secret = secret.and_then(|secret| String::from_utf8(secret).ok()).ok_or_else(invalid)?;
        // The IdP was asked when the successor was issued, but the configuration may have changed.
        let Some(person) = current::person_now(self.embedded, &family.person) else {
            return self.end_settled(family, "session over: revoked").await;
        };
        let Some(judged) = self.judge(family, &person)? else {
            return self.end_settled(family, "grant removed: revoked").await;
        };
        self.issue(&Family { person, ..family.clone() }, &judged, &secret)
    }

    fn issue(&self, family: &Family, judged: &Judged, secret: &str) -> Result<EndpointAnswer, Denied> {
        let grace = self.embedded.settings.refresh_grace;
        let on_delivered = self.embedded.state.deliveries.when_delivered(self.id, family.current, grace);
        let refresh_token = NewRefreshToken {
            token: format!("{}.{secret}", self.id),
            on_delivered: Some(on_delivered),
            is_offline: is_offline(&family.named, self.scopes()?.as_deref()),
        };
        let grant = AccessGrant {
            client_id: &self.client.id,
            subject: &family.person.subject,
            person: Some(&family.person),
            scopes: &judged.scopes,
            resources: &judged.resources,
            family: self.id,
            ends: family.ends,
        };
        let issued = response::issue(self.embedded, self.asked, &grant, Some(refresh_token))?;
        event::note(self.embedded, "refresh", Some(&self.client.id), Some(&family.person.subject), "exchanged");
        Ok(issued)
    }

    /// As [`Self::end`], unless the user's account is only withdrawn until a reload succeeds.
    async fn end_settled(&self, family: &Family, outcome: &'static str) -> Result<EndpointAnswer, Denied> {
        current::check_settled(self.embedded, &family.person)?;
        self.end(family, outcome).await
    }

    /// Ends the family and refuses.
    async fn end(&self, family: &Family, outcome: &'static str) -> Result<EndpointAnswer, Denied> {
        event::note(self.embedded, "refresh", Some(&self.client.id), Some(&family.person.subject), outcome);
        family::end(self.embedded, self.id, self.asked).await?;
        Err(invalid().into())
    }

    /// Ends the family whose token may be stolen, and refuses.
    async fn end_stolen(&self, family: &Family, outcome: &'static str) -> Result<EndpointAnswer, Denied> {
        let of = (Some(&*family.client), Some(&*family.person.subject));
        event::refused(self.embedded, self.asked, RefusalKind::TokenReused, of, outcome);
        family::end(self.embedded, self.id, self.asked).await?;
        Err(invalid().into())
    }

    /// Checks `scope` and `resource`: not more than what was granted (RFC 6749 §6).
    fn check_request(&self, family: &Family) -> Result<(), OAuthError> {
        if !self.client.grants.refresh {
            return Err(Code::UnauthorizedClient.because("this client is not allowed to use refresh tokens"));
        }
        let asked = self.scopes()?;
        if asked.is_some_and(|asked| asked.iter().any(|scope| !family.may_name(scope))) {
            return Err(Code::InvalidScope.because("scope exceeds what was granted"));
        }
        resources::narrow(&family.resources, &self.embedded.settings.resources, self.form).map(drop)
    }

    fn scopes(&self) -> Result<Option<Vec<Scope>>, OAuthError> {
        let asked = self.form.get("scope").map(people::read_scope).transpose();
        asked.map_err(|cause| Code::InvalidScope.because(cause))
    }

    /// What is left of the grant for this user, narrowed to the request; `None` if nothing.
    fn judge(&self, family: &Family, person: &Person) -> Result<Option<Judged>, OAuthError> {
        let settings = &self.embedded.settings;
        let still = StillGranted::of(settings, self.client, person, (&family.scopes, &family.resources));
        let Some(still) = still else { return Ok(None) };
        let mut scopes = still.scopes.clone();
        let mut asked = self.scopes()?.unwrap_or_default();
        // Those of OpenID Connect narrow nothing, unless a server names them.
        asked.retain(|scope| !is_of_openid(scope) || family.scopes.contains(scope));
        if !asked.is_empty() {
            scopes.retain(|scope| asked.contains(scope));
            // For a server without scopes, a token without scopes is enough.
            if scopes.is_empty() && !family.scopes.is_empty() {
                return Err(Code::InvalidScope.because("none of the requested scopes is granted any more"));
            }
        }
        let resources = resources::narrow(&still.servers(&scopes), &settings.resources, self.form)?;
        // Before the token is used up: the operator may shorten the claim.
        access_token::check_size(
            settings,
            &AccessGrant {
                client_id: &self.client.id,
                subject: &person.subject,
                person: Some(person),
                scopes: &scopes,
                resources: &resources,
                family: self.id,
                ends: family.ends,
            },
        )?;
        Ok(Some(Judged { scopes, resources }))
    }
}
