//! Asks an issuer whether an opaque token is active (RFC 7662), and remembers the answer briefly.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::StatusCode;
use serde_json::Value;
use tracing::{debug, info, warn};

use crate::{
    base::{
        clock::{Clock, Now},
        digest::sha256,
        limits::fetch::{FETCH_TIMEOUT, INTROSPECTION_BYTES_MAX},
        peer::network,
        secret::Secret,
    },
    decide::{
        authorization_server::form,
        refusal::{Refusal, TokenFault},
        token::{
            caller::Caller,
            introspection::{self, IntrospectionFault},
            rules::TokenRules,
        },
    },
    outbound::{
        address::AddressRule,
        basic::basic,
        discover::{Discovery, IntrospectionPlace, KeyPlace},
        fault::{Fault, FaultKind},
        fetch::{Fetch, Plaintext, Posted, Wanted},
        introspect::{
            breaker::{Admitted, Breaker},
            flights::{Flights, Joined},
            memory::{AnswerMemory, Fingerprint},
            turns::QuestionTurns,
        },
    },
};

mod breaker;
mod flights;
mod memory;
mod turns;

/// When a request that found no place may try again.
const RETRY_SOON: Duration = Duration::from_secs(1);
/// Warnings about answers that cannot be used: at most one in this time, since a client can cause
/// them.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// After this many unusable answers in a row `/readyz` has a note: perhaps not the tokens are the
/// reason, but the endpoint.
const UNUSABLE_TOLD: u64 = 8;

/// Settings for the introspection of one issuer's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntrospectionSettings {
    /// The endpoint; by default `introspection_endpoint` of the issuer's metadata.
    pub url: Option<Box<str>>,
    /// The gateway's client id there.
    pub client_id: Box<str>,
    /// Its secret.
    pub client_secret: Secret,
    /// How long an answer counts, and how often an open stream asks again.
    pub cache: Duration,
}

/// Introspects the tokens of one issuer.
pub struct Introspector {
    settings: IntrospectionSettings,
    rules: TokenRules,
    plaintext: Plaintext,
    fetch: Fetch,
    discovery: Arc<Discovery>,
    clock: Arc<dyn Clock>,
    memory: AnswerMemory,
    flights: Flights,
    turns: QuestionTurns,
    breaker: Breaker,
    /// Answers in a row that cannot be used.
    unusable: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
    warned: Mutex<Option<Duration>>,
    counts: Counts,
}

/// Why tokens get no verdict.
enum Trouble {
    /// The issuer does not answer, or does not accept the gateway.
    Issuer(String),
    /// It answers, but no answer can be used.
    Answers(String),
}

#[derive(Default)]
struct Counts {
    active: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

/// Why there is no verdict.
enum NoVerdict {
    /// The issuer does not answer, or does not accept the gateway: this concerns every token.
    Issuer(Fault),
    /// The answer about this token cannot be used. A client may have caused that, so it says
    /// nothing about other tokens.
    Answer(Fault),
}

impl Introspector {
    /// For the issuer of `rules`. Nothing is asked before a token comes.
    #[must_use]
    pub fn new(
        settings: IntrospectionSettings,
        rules: TokenRules,
        plaintext: Plaintext,
        fetch: Fetch,
        discovery: Arc<Discovery>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            memory: AnswerMemory::new(settings.cache),
            settings,
            rules,
            plaintext,
            fetch,
            discovery,
            clock,
            flights: Flights::default(),
            turns: QuestionTurns::default(),
            breaker: Breaker::default(),
            unusable: AtomicU64::new(0),
            trouble: Mutex::default(),
            warned: Mutex::default(),
            counts: Counts::default(),
        }
    }

    /// How long an answer counts.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.settings.cache
    }

    /// Whether the endpoint is known.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.settings.url.is_some() || self.discovery.last_good().is_some()
    }

    /// Why the issuer does not answer; `None` while it does.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match &*self.trouble.lock().unwrap_or_else(PoisonError::into_inner) {
            None => None,
            Some(Trouble::Issuer(fault)) => Some(fault.clone()),
            Some(Trouble::Answers(fault)) => {
                let in_a_row = self.unusable.load(Relaxed);
                Some(format!("no usable answer to {in_a_row} questions in a row: {fault}"))
            }
        }
    }

    /// Answers so far: active, refused, and none that can be used.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        let Counts { active, refused, failed } = &self.counts;
        [("active", active.load(Relaxed)), ("refused", refused.load(Relaxed)), ("failed", failed.load(Relaxed))]
    }

    /// The caller of a token, from memory or by the issuer's answer. Requests with the same token
    /// share one question. `peer` is the client's address; a stream that asks again has none.
    ///
    /// # Errors
    /// [`Refusal::Token`], or [`Refusal::IntrospectionUnavailable`].
    pub async fn verify(
        &self,
        token: &str,
        fingerprint: Fingerprint,
        peer: Option<IpAddr>,
    ) -> Result<Arc<Caller>, Refusal> {
        loop {
            if let Some(known) = self.memory.recall(&fingerprint, self.clock.now()) {
                return known.map_err(Refusal::Token);
            }
            match self.flights.join(fingerprint) {
                Joined::First(flight) => {
                    let verdict = self.ask(token, fingerprint, peer).await;
                    flight.land(&verdict);
                    return verdict;
                }
                // `None`: the client of the request that asked has left, so this one asks.
                Joined::Later(landing) => {
                    if let Some(verdict) = landing.verdict().await {
                        return verdict;
                    }
                }
            }
        }
    }

    /// What the issuer says now about the token of `caller`, which it has described before.
    ///
    /// # Errors
    /// As [`Self::verify`]; [`TokenFault::Inactive`] if it was never introspected.
    pub async fn verify_again(&self, caller: &Caller) -> Result<Arc<Caller>, Refusal> {
        let token = caller.introspected().and_then(|token| std::str::from_utf8(token.expose()).ok());
        let token = token.ok_or(Refusal::Token(TokenFault::Inactive))?;
        self.verify(token, sha256(token.as_bytes()), None).await
    }

    async fn ask(&self, token: &str, fingerprint: Fingerprint, peer: Option<IpAddr>) -> Result<Arc<Caller>, Refusal> {
        let begun = self.clock.now();
        self.breaker.check(begun.mono).map_err(|until| unavailable(until, begun))?;
        let turn = self.turns.take(peer.map(network)).await;
        let now = self.clock.now();
        let _turn = turn.ok_or_else(|| unavailable(now.mono.saturating_add(RETRY_SOON), now))?;
        let admitted = self.breaker.admit(now.mono).map_err(|until| unavailable(until, now))?;
        match self.post(token).await {
            Ok(verdict) => {
                admitted.answered();
                self.answers(&verdict);
                self.memory.keep(fingerprint, &verdict, token.len(), self.clock.now());
                verdict.map_err(Refusal::Token)
            }
            Err(why) => Err(self.no_verdict(admitted, why)),
        }
    }

    async fn post(&self, token: &str) -> Result<Result<Arc<Caller>, TokenFault>, NoVerdict> {
        let IntrospectionPlace { place, by_basic } = self.place().await.map_err(NoVerdict::Issuer)?;
        let secret = std::str::from_utf8(self.settings.client_secret.expose()).unwrap_or_default();
        let id = &*self.settings.client_id;
        let mut form = vec![("token", token), ("token_type_hint", "access_token")];
        let authorization = if by_basic {
            let credential = basic(id, secret);
            Some(credential.ok_or_else(|| {
                NoVerdict::Issuer(fault("the gateway's client_id and client_secret cannot be sent in a header"))
            })?)
        } else {
            form.extend([("client_id", id), ("client_secret", secret)]);
            None
        };
        let wanted = Wanted {
            url: &place.url,
            rule: place.rule,
            plaintext: place.plaintext,
            bytes_max: INTROSPECTION_BYTES_MAX,
        };
        let posted = self.fetch.post_form(&wanted, form::encode(&form), authorization, FETCH_TIMEOUT).await;
        let posted = posted.map_err(|fault| match is_an_answer(fault.kind) {
            true => NoVerdict::Answer(fault),
            false => NoVerdict::Issuer(place.advised(fault, "`introspection: {url: …}`")),
        })?;
        check_status(&posted)?;
        match introspection::read(&posted.body, token, &self.rules, self.clock.now()) {
            Ok(caller) => Ok(Ok(Arc::new(caller))),
            Err(IntrospectionFault::Token(why)) => Ok(Err(why)),
            Err(IntrospectionFault::NotAnAnswer(why)) => Err(NoVerdict::Answer(fault(why))),
        }
    }

    async fn place(&self) -> Result<IntrospectionPlace, Fault> {
        match &self.settings.url {
            Some(url) => {
                let (url, plaintext) = (url.to_string(), self.plaintext);
                let place = KeyPlace { url, rule: AddressRule::Configured, plaintext };
                Ok(IntrospectionPlace { place, by_basic: true })
            }
            None => self.discovery.introspection_place().await,
        }
    }

    /// The issuer answers.
    fn answers(&self, verdict: &Result<Arc<Caller>, TokenFault>) {
        let count = if verdict.is_ok() { &self.counts.active } else { &self.counts.refused };
        count.fetch_add(1, Relaxed);
        self.unusable.store(0, Relaxed);
        let before = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        if before.is_some() {
            info!(authorization_server = %self.rules.name, "introspection works again");
        }
    }

    fn no_verdict(&self, admitted: Admitted<'_>, why: NoVerdict) -> Refusal {
        self.counts.failed.fetch_add(1, Relaxed);
        let (now, authorization_server) = (self.clock.now(), &self.rules.name);
        match why {
            NoVerdict::Issuer(fault) => {
                let until = admitted.failed(now.mono);
                self.unusable.store(0, Relaxed);
                if !matches!(self.now_in(Trouble::Issuer(fault.to_string())), Some(Trouble::Issuer(_))) {
                    warn!(
                        %authorization_server, %fault,
                        "introspection fails: opaque tokens that are not remembered get 503"
                    );
                } else {
                    debug!(%authorization_server, %fault, "introspection still fails");
                }
                unavailable(until, now)
            }
            NoVerdict::Answer(fault) => {
                admitted.answered();
                let in_a_row = self.unusable.fetch_add(1, Relaxed).saturating_add(1);
                if self.may_warn(now) {
                    warn!(
                        %authorization_server, %fault, in_a_row,
                        "an introspection answer cannot be used: its token gets 503"
                    );
                }
                if in_a_row >= UNUSABLE_TOLD {
                    self.now_in(Trouble::Answers(fault.to_string()));
                }
                unavailable(now.mono.saturating_add(RETRY_SOON), now)
            }
        }
    }

    /// Notes a trouble; returns that of before.
    fn now_in(&self, trouble: Trouble) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).replace(trouble)
    }

    fn may_warn(&self, now: Now) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let may = warned.is_none_or(|last| now.mono >= last.saturating_add(WARN_EVERY));
        if may {
            *warned = Some(now.mono);
        }
        may
    }
}

/// Refuses any status but 200. 401, and any status with the error of a client, is about the
/// gateway's own credential; others may be about the token that was asked for (attack 251).
fn check_status(posted: &Posted) -> Result<(), NoVerdict> {
    const CLIENT: [&str; 2] = ["invalid_client", "unauthorized_client"];
    let status = posted.status;
    let error = serde_json::from_slice::<Value>(&posted.body).ok();
    let error = error.as_ref().and_then(|answer| answer.get("error")?.as_str());
    let of_client = error.is_some_and(|error| CLIENT.contains(&error));
    match status {
        StatusCode::OK => Ok(()),
        _ if of_client || status == StatusCode::UNAUTHORIZED => Err(NoVerdict::Issuer(fault(format_args!(
            "the endpoint refuses the gateway itself ({status}): check `client_id` and `client_secret`, and that this \
                 client may introspect"
        )))),
        // A client chooses the token, and a firewall or a server's limits may dislike it: that must
        // say nothing about other tokens.
        _ => Err(NoVerdict::Answer(fault(format_args!(
            "the endpoint answers {status} to the token; if it does so for every token, check `client_id`, \
             `client_secret`, and that this client may introspect"
        )))),
    }
}

/// Whether the endpoint, or what stands before it, has seen the question and reacted. Nothing that
/// it does then says that it is down, not even a closed connection: the token may have caused it,
/// and its client chose the token (attack 317).
fn is_an_answer(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::Http
            | FaultKind::Body
            | FaultKind::TooLarge
            | FaultKind::Redirect
            | FaultKind::Status
            | FaultKind::Gone
            | FaultKind::TooMany
            | FaultKind::ServerError
            | FaultKind::MediaType
    )
}

fn fault(cause: impl std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Introspection, cause)
}

/// The refusal of a request that may try again at `until`.
fn unavailable(until: Duration, now: Now) -> Refusal {
    let wait = until.saturating_sub(now.mono);
    let begun = u64::from(wait.subsec_nanos() > 0);
    Refusal::IntrospectionUnavailable { retry_after_secs: wait.as_secs().saturating_add(begun).max(1) }
}
