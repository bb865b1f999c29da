//! A refresh token for the next one and an access token: the newest alone, for as long as its holder may (SPEC E-23, E-41).

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::time::sleep;

use super::{Grant, Renewal, end_family, issued};
use crate::{
    base::{limits::ARRIVAL_WAIT, names::Scope},
    decide::authorization_server::{
        client::Client,
        error::{Code as Word, OAuthError},
        form::Form,
        people::{self, Grantee, Person},
        refresh_family::{Family, Standing},
        request,
    },
    issuer::{
        Answer, Asked, Embedded,
        bridge::Renewed,
        event,
        flow::Code,
        login,
        reply::Denied,
        seal::{self, Sealer, digest_of},
        store::{Kind, StoreFault},
    },
};

/// Of a family's id.
const ID_CHARS: usize = 22;
/// Of a token's secret.
const SECRET_CHARS: usize = 43;
/// What a successor is sealed for.
const PLACE: &str = "successor";
/// Between two looks at whether an answer has arrived.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// How often other changes to the family may come first.
const ATTEMPTS: usize = 8;

/// An id for a family.
pub(super) fn new_id() -> Result<Box<str>, &'static str> {
    Ok(URL_SAFE_NO_PAD.encode(seal::bytes::<16>()?).into())
}

/// Family and secret of a refresh token; `None` for what cannot be one.
pub(in crate::issuer) fn read(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    let is_plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (id.len() == ID_CHARS && secret.len() == SECRET_CHARS && is_plain(id) && is_plain(secret)).then_some((id, secret))
}

/// The first token of what `code` becomes.
pub(super) async fn begin(
    embedded: &Embedded,
    id: &str,
    code: &Code,
    ends: Duration,
    asked: &Asked<'_>,
) -> Result<Renewal, Denied> {
    let secret = seal::unguessable().map_err(helpless)?;
    let family = Family {
        client: code.client.clone(),
        person: code.person.clone(),
        scopes: code.scopes.clone(),
        resources: code.resources.clone(),
        current: digest_of(secret.as_bytes()),
        previous: None,
        count: 1,
        renewed: asked.now.unix_secs(),
        ends: ends.as_secs(),
        bridge: code.bridge.clone(),
    };
    if !embedded.state.store.create(Kind::Family, id, written(&family)?, ends).await? {
        return Err(helpless("the system's randomness repeats itself").into());
    }
    Ok(Renewal { token: format!("{id}.{secret}"), sent: None })
}

/// `grant_type=refresh_token`.
pub(super) async fn exchange(
    embedded: &Embedded,
    client: &Client,
    form: &Form,
    asked: &Asked<'_>,
) -> Result<Answer, Denied> {
    let token = form.get("refresh_token").ok_or_else(|| Word::InvalidRequest.because("refresh_token is missing"))?;
    let (id, secret) = read(token).ok_or_else(invalid)?;
    let presented = Presented { embedded, client, form, asked, id, secret };
    let mut renewed = None;
    let mut attempts = 0;
    let mut waited = Duration::ZERO;
    while attempts < ATTEMPTS {
        let before = embedded.state.store.get(Kind::Family, id).await?.ok_or_else(invalid)?;
        let family: Family = serde_json::from_slice(&before).map_err(|_| invalid())?;
        if family.client != client.id {
            return presented.end(&family, "in another client's hands: revoked").await;
        }
        let idle_max = embedded.settings.refresh_token_ttl.as_secs();
        match family.standing(&digest_of(secret.as_bytes()), asked.now.unix_secs(), idle_max) {
            Standing::Expired => {
                embedded.state.store.delete(Kind::Family, id).await?;
                return Err(invalid().into());
            }
            Standing::Reused => return presented.end(&family, "used twice: revoked").await,
            // Its answer may be on its way this very moment: then this is a second use.
            Standing::Unanswered(_) if waited < ARRIVAL_WAIT => {
                sleep(LOOK_AGAIN).await;
                waited = waited.saturating_add(LOOK_AGAIN);
            }
            Standing::Unanswered(sealed) => return presented.again(&family, sealed).await,
            Standing::Newest => {
                attempts += 1;
                if let Some(issued) = presented.next(&family, &before, &mut renewed).await? {
                    return Ok(issued);
                }
            }
        }
    }
    Err(Word::TemporarilyUnavailable.because("this refresh token is being used at several places").into())
}

fn invalid() -> OAuthError {
    Word::InvalidGrant.because("the refresh token is unknown, over, used, revoked, or another client's")
}

fn helpless(cause: &'static str) -> OAuthError {
    Word::ServerError.because(cause)
}

fn written(family: &Family) -> Result<Vec<u8>, StoreFault> {
    serde_json::to_vec(family).map_err(|cause| StoreFault(cause.to_string()))
}

/// A refresh token in its client's hands.
struct Presented<'a> {
    embedded: &'a Embedded,
    client: &'a Client,
    form: &'a Form,
    asked: &'a Asked<'a>,
    id: &'a str,
    secret: &'a str,
}

/// What a person may have, at this moment.
struct Judged {
    scopes: Vec<Scope>,
    resources: Vec<Box<str>>,
}

impl Presented<'_> {
    /// The newest token's turn; `None` where the family has changed meanwhile.
    async fn next(
        &self,
        family: &Family,
        before: &[u8],
        renewed: &mut Option<(Person, Option<Vec<u8>>)>,
    ) -> Result<Option<Answer>, Denied> {
        // What the client has got wrong costs it nothing: its token stays good.
        self.check_request(family)?;
        let (person, bridge) = match renewed {
            Some(known) => known.clone(),
            None => {
                let Some(found) = self.still_there(family).await? else {
                    return self.end(family, "session over: revoked").await.map(Some);
                };
                // The IdP may take its token only once: what it said holds for a second attempt, too.
                renewed.insert(found).clone()
            }
        };
        let Some(judged) = self.judge(family, &person)? else {
            return self.end(family, "grant taken away: revoked").await.map(Some);
        };
        let secret = seal::unguessable().map_err(helpless)?;
        let digest = digest_of(secret.as_bytes());
        let sealer = Sealer::of_token(self.secret.as_bytes()).map_err(helpless)?;
        let sealed = sealer.seal(PLACE, secret.as_bytes()).map_err(helpless)?;
        let known = Family { person, bridge, ..family.clone() };
        let after = known.exchanged(digest, sealed, self.asked.now.unix_secs());
        let store = &self.embedded.state.store;
        if !store.replace(Kind::Family, self.id, before, written(&after)?, None).await? {
            return Ok(None);
        }
        self.issue(&after, &judged, &secret).map(Some)
    }

    /// The successor that never arrived, once more.
    async fn again(&self, family: &Family, sealed: &[u8]) -> Result<Answer, Denied> {
        self.check_request(family)?;
        let secret = Sealer::of_token(self.secret.as_bytes()).map_err(helpless)?.open(PLACE, sealed);
        let secret = secret.and_then(|secret| String::from_utf8(secret).ok()).ok_or_else(invalid)?;
        // The IdP was asked when the successor was made; the configuration may be another by now.
        let Some(person) = login::known_here(self.embedded, &family.person) else {
            return self.end(family, "session over: revoked").await;
        };
        let Some(judged) = self.judge(family, &person)? else {
            return self.end(family, "grant taken away: revoked").await;
        };
        self.issue(&Family { person, ..family.clone() }, &judged, &secret)
    }

    fn issue(&self, family: &Family, judged: &Judged, secret: &str) -> Result<Answer, Denied> {
        let sent = self.embedded.state.arrivals.when_sent(self.id, family.current);
        let renewal = Renewal { token: format!("{}.{secret}", self.id), sent: Some(sent) };
        let grant = Grant {
            client: self.client,
            subject: &family.person.subject,
            person: Some(&family.person),
            scopes: &judged.scopes,
            resources: &judged.resources,
            family: self.id,
            ends: family.ends,
        };
        let issued = issued(self.embedded, self.asked, &grant, Some(renewal))?;
        event::note(self.embedded, "refresh", Some(&self.client.id), Some(&family.person.subject), "exchanged");
        Ok(issued)
    }

    /// Ends the family, and says no.
    async fn end(&self, family: &Family, outcome: &'static str) -> Result<Answer, Denied> {
        event::note(self.embedded, "refresh", Some(&self.client.id), Some(&family.person.subject), outcome);
        end_family(self.embedded, self.id, self.asked).await?;
        Err(invalid().into())
    }

    /// `scope` and `resource`, as far as they are the client's to get wrong: never more than what was granted (RFC 6749 §6).
    fn check_request(&self, family: &Family) -> Result<(), OAuthError> {
        if !self.client.grants.refresh {
            return Err(Word::UnauthorizedClient.because("this client may not use refresh tokens"));
        }
        let asked = self.scopes()?;
        if asked.is_some_and(|asked| asked.iter().any(|scope| !family.scopes.contains(scope))) {
            return Err(Word::InvalidScope.because("scope is more than what was granted"));
        }
        request::narrow(&family.resources, self.form).map(drop)
    }

    fn scopes(&self) -> Result<Option<Vec<Scope>>, OAuthError> {
        let asked = self.form.get("scope").map(people::read_scope).transpose();
        asked.map_err(|cause| Word::InvalidScope.because(cause))
    }

    /// Who the person is by now, and what the IdP wants to see next; `None` where the session has ended.
    async fn still_there(&self, family: &Family) -> Result<Option<(Person, Option<Vec<u8>>)>, Denied> {
        let Some(person) = login::known_here(self.embedded, &family.person) else { return Ok(None) };
        let Some(bridge) = &self.embedded.state.bridge else { return Ok(Some((person, None))) };
        // A session that the IdP cannot be asked about is not one that goes on.
        let Some(sealed) = &family.bridge else { return Ok(None) };
        match bridge.renew(self.embedded, sealed).await? {
            Renewed::Alive(person, next) if person.subject == family.person.subject => Ok(Some((person, Some(next)))),
            Renewed::Alive(..) | Renewed::Ended => Ok(None),
        }
    }

    /// What of the grant the person may still have, narrowed to what is asked for; `None` where nothing is left of it.
    fn judge(&self, family: &Family, person: &Person) -> Result<Option<Judged>, OAuthError> {
        let settings = &self.embedded.settings;
        let grantee = Grantee::Person(person);
        let mut scopes = people::allowed(&settings.grants, grantee, &family.scopes);
        scopes.retain(|scope| self.client.scopes.as_ref().is_none_or(|bound| bound.contains(scope)));
        let is_ours = |resource: &str| settings.resources.iter().any(|ours| *ours.resource == *resource);
        let resources: Vec<Box<str>> = family.resources.iter().filter(|one| is_ours(one)).cloned().collect();
        let may = !scopes.is_empty() || (family.scopes.is_empty() && people::is_named(&settings.grants, grantee));
        if resources.is_empty() || !may {
            return Ok(None);
        }
        if let Some(asked) = self.scopes()? {
            scopes.retain(|scope| asked.contains(scope));
            if scopes.is_empty() {
                return Err(Word::InvalidScope.because("nothing of scope is granted any more"));
            }
        }
        Ok(Some(Judged { scopes, resources: request::narrow(&resources, self.form)? }))
    }
}
