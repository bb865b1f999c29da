//! Logs each decision of the embedded server as one event, without secrets.

use tracing::{info, warn};

use crate::{
    authorization_server::{
        embedded::{Asked, Embedded},
        refusals::RefusalKind,
    },
    base::{digest::Digest, limits::authorization_server::SHOWN_CHARS_MAX, names::Issuer, shown_uri::uri_shown},
};

/// Logs one decision. `subject` is logged as the digest that audit lines have for their principal
/// (SPEC B-72).
pub(crate) fn note(
    embedded: &Embedded,
    event: &'static str,
    client: Option<&str>,
    subject: Option<&str>,
    outcome: &str,
) {
    note_of(&embedded.settings.issuer, event, client, subject, outcome);
}

/// What is known of a refused request for a sign-in. A fact that is not known is empty.
#[derive(Debug, Default)]
pub(crate) struct RefusedFacts {
    /// The client that it names.
    pub(crate) client: Option<String>,
    /// What came: a redirect URI, without its query.
    pub(crate) found: String,
    /// What the client registered.
    pub(crate) expected: String,
    /// What to do.
    pub(crate) advice: &'static str,
}

/// As [`refused`], with what came and what was expected.
pub(crate) fn refused_with(
    embedded: &Embedded,
    asked: &Asked<'_>,
    kind: RefusalKind,
    facts: &RefusedFacts,
    outcome: &str,
) {
    let (event, _) = kind.labels();
    let Some(left_out) = embedded.state.refusals.count(kind) else { return };
    let fact = |fact: &str| (!fact.is_empty()).then(|| fact.to_owned());
    info!(
        target: "portcullis::authorization_server", event, client = facts.client.as_deref().map(shown), found = fact(&facts.found),
        expected = fact(&facts.expected), advice = fact(facts.advice), peer = %asked.peer, outcome,
        left_out = (left_out > 0).then_some(left_out), "{event}: {outcome}"
    );
}

/// Counts and logs a refusal, with the address of its client. `subject` is that of an account which
/// exists. Lines of one kind are bounded: `left_out` says how many there would have been since the
/// last one.
pub(crate) fn refused(
    embedded: &Embedded,
    asked: &Asked<'_>,
    kind: RefusalKind,
    (client, subject): (Option<&str>, Option<&str>),
    outcome: &str,
) {
    let (event, _) = kind.labels();
    let client = client.map(shown);
    let subject = subject.map(|subject| Digest::of(&[&embedded.settings.issuer, subject]));
    let subject = subject.as_ref().map(Digest::as_str);
    if let Some(left_out) = embedded.state.refusals.count(kind) {
        let left_out = (left_out > 0).then_some(left_out);
        if kind == RefusalKind::TokenReused {
            warn!(target: "portcullis::authorization_server", event, client, subject, peer = %asked.peer, outcome, left_out, "{event}: {outcome}");
        } else {
            info!(target: "portcullis::authorization_server", event, client, subject, peer = %asked.peer, outcome, left_out, "{event}: {outcome}");
        }
    }
}

/// Logs what the operator can do about a URL of a client at a path that the gateway answers (SPEC
/// E-39). `client` is `None` for one that registers.
pub(crate) fn at_the_gateway(embedded: &Embedded, asked: &Asked<'_>, client: Option<&str>) {
    if let Some(left_out) = embedded.state.refusals.at_the_gateway() {
        let left_out = (left_out > 0).then_some(left_out);
        warn!(
            target: "portcullis::authorization_server", event = "client", client = client.map(shown), peer = %asked.peer, left_out,
            "a redirect URI or a document of a client is refused: it is at the gateway's own address, at a path that the gateway answers \
             or passes to an MCP server (`paths`). If the client is an application at this host name, let its path match no pattern of \
             `paths`, or write the client into `clients`"
        );
    }
}

/// As [`note`], for work that outlives its request.
pub(crate) fn note_of(
    issuer: &Issuer,
    event: &'static str,
    client: Option<&str>,
    subject: Option<&str>,
    outcome: &str,
) {
    let client = client.map(shown);
    let subject = subject.map(|subject| Digest::of(&[issuer, subject]));
    let subject = subject.as_ref().map(Digest::as_str);
    info!(target: "portcullis::authorization_server", event, client, subject, outcome, "{event}: {outcome}");
}

/// The beginning of a client id, which anyone can make up; of a URL, without the values of its
/// query.
fn shown(client: &str) -> String {
    let id = if client.contains("://") { uri_shown(client).to_string() } else { client.to_owned() };
    let end = id.char_indices().nth(SHOWN_CHARS_MAX).map_or(id.len(), |(end, _)| end);
    id.get(..end).unwrap_or_default().to_owned()
}
