//! Logs each decision of the embedded server as one event, without secrets.

use std::fmt::Write as _;

use tracing::info;

use crate::authorization_server::{embedded::Embedded, keys::random::digest_of};

/// Bytes of the digest that are logged, as in the audit line of a request.
const SUBJECT_BYTES: usize = 16;

/// Logs one decision. `subject` is logged as the digest that audit lines have for their principal
/// (SPEC B-72).
pub(crate) fn note(
    embedded: &Embedded,
    event: &'static str,
    client: Option<&str>,
    subject: Option<&str>,
    outcome: &str,
) {
    let subject = subject.map(|subject| principal(&embedded.settings.issuer, subject));
    info!(target: "portcullis::authorization_server", event, client, subject, outcome, "{event}: {outcome}");
}

fn principal(issuer: &str, subject: &str) -> String {
    let mut text = String::with_capacity(2 * SUBJECT_BYTES);
    for byte in digest_of(format!("{issuer}\0{subject}").as_bytes()).iter().take(SUBJECT_BYTES) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b72_the_digest_of_a_subject_is_that_of_the_audit_line() {
        // printf 'https://idp\0alice' | sha256sum
        assert_eq!(principal("https://idp", "alice"), "558ba9c227886834f75f6479c3b033a3");
    }
}
