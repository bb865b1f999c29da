//! Logs each decision of the embedded server as one event, without secrets.

use tracing::info;

use crate::{
    authorization_server::embedded::Embedded,
    base::{digest::Digest, names::Issuer},
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

/// As [`note`], for work that outlives its request.
pub(crate) fn note_of(
    issuer: &Issuer,
    event: &'static str,
    client: Option<&str>,
    subject: Option<&str>,
    outcome: &str,
) {
    let subject = subject.map(|subject| Digest::of(&[issuer, subject]));
    let subject = subject.as_ref().map(Digest::as_str);
    info!(target: "portcullis::authorization_server", event, client, subject, outcome, "{event}: {outcome}");
}
