//! Judges the 401: whether its challenge leads every client to the metadata.

use http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};

use super::reach::{host_of, is_open_http, origin_of};
use crate::{
    base::{media, names::is_loopback_name},
    cli::doctor::finding::Finding,
    decide::resource_server::challenge_reader::{self, ChallengeFieldFault, ReadChallenge},
    outbound::ask::WebAnswer,
};

/// What a challenge says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Challenged {
    /// The URL of the metadata, if it can be asked.
    pub metadata: Option<String>,
    /// What is wrong with the challenge. That it is missing counts only if there is metadata.
    pub findings: Vec<Finding>,
}

const EXPECTED: &str = "WWW-Authenticate: Bearer resource_metadata=\"https://…\"";
/// How much of a field is repeated.
const SHOWN_CHARS_MAX: usize = 200;

/// Judges a 401 of `url`, which was asked with `method`.
pub(super) fn judge(answer: &WebAnswer, method: &str, url: &str) -> Challenged {
    let at = format!("{method} {url}");
    let lines: Vec<&HeaderValue> = answer.fields.get_all(WWW_AUTHENTICATE).iter().collect();
    if lines.is_empty() {
        let is_page = answer.fields.get(CONTENT_TYPE).is_some_and(|kind| media::is(kind.as_bytes(), "text/html"));
        let (id, found) = match is_page {
            true => ("challenge-html", "401 without WWW-Authenticate, and an HTML page"),
            false => ("challenge-missing", "401 without WWW-Authenticate"),
        };
        let finding = Finding::new(id, at).found(found).expected(EXPECTED);
        return Challenged { metadata: None, findings: vec![finding] };
    }
    let mut challenges: Vec<ReadChallenge> = Vec::new();
    for line in lines {
        match line.to_str().map_err(|_| None).and_then(|line| challenge_reader::read(line).map_err(Some)) {
            Ok(read) => challenges.extend(read),
            Err(fault) => {
                let finding = Finding::new("challenge-unreadable", at)
                    .found(format!("WWW-Authenticate: {} ({})", shown(line), unreadable(fault)))
                    .expected(EXPECTED);
                return Challenged { metadata: None, findings: vec![finding] };
            }
        }
    }
    let Some(bearer) = challenges.iter().find(|challenge| challenge.is_bearer()) else {
        let schemes: Vec<&str> = challenges.iter().map(|challenge| challenge.scheme.as_str()).collect();
        let finding = Finding::new("challenge-not-bearer", at)
            .found(format!("WWW-Authenticate with the scheme {}", schemes.join(", ")))
            .expected(EXPECTED);
        return Challenged { metadata: None, findings: vec![finding] };
    };
    let Some(named) = bearer.parameter("resource_metadata") else {
        let finding = Finding::new("challenge-without-metadata", at)
            .found("WWW-Authenticate: Bearer without resource_metadata")
            .expected(EXPECTED)
            .warning();
        return Challenged { metadata: None, findings: vec![finding] };
    };
    let mut findings = Vec::new();
    if named.lacks_quotes {
        findings.push(
            Finding::new("challenge-unreadable", at.clone())
                .found(format!("resource_metadata={} without quotes", named.value))
                .expected(format!("resource_metadata=\"{}\"", named.value))
                .fix("put the value in double quotes (RFC 9110 §5.6.4): some clients read only quoted values"),
        );
    }
    let (origin, own) = (origin_of(&named.value), origin_of(url));
    let is_absolute = named.value.starts_with("https://") || named.value.starts_with("http://");
    let parameter = format!("resource_metadata=\"{}\"", named.value);
    if !is_absolute || host_of(&origin).is_empty() {
        findings.push(
            Finding::new("challenge-metadata-relative", at)
                .found(parameter)
                .expected("an absolute URL that begins with https://"),
        );
        return Challenged { metadata: None, findings };
    }
    // If the URL itself is http://, that is the finding.
    if (is_open_http(&named.value) && origin != own) || (own.starts_with("https://") && origin.starts_with("http://")) {
        findings.push(
            Finding::new("challenge-metadata-http", at)
                .found(parameter)
                .expected(format!("resource_metadata=\"https://{}\"", named.value.trim_start_matches("http://")))
                .fix(behind_a_proxy("the URL of its metadata")),
        );
        // What clients refuse is not asked: the metadata may be right at its own place.
        return Challenged { metadata: None, findings };
    }
    if origin != own {
        findings.push(
            Finding::new("challenge-metadata-host", at)
                .found(parameter)
                .expected(format!("a URL that begins with {own}/"))
                .fix(other_host(&named.value, "the URL of its metadata")),
        );
        // An internal name would not be reached by clients either.
        let is_inside = is_loopback_name(host_of(&origin)) || !host_of(&origin).contains('.');
        if is_inside {
            return Challenged { metadata: None, findings };
        }
    }
    Challenged { metadata: Some(named.value.clone()), findings }
}

/// What to do if a server names another host than the user: one of the two is not its public name.
pub(super) fn other_host(url: &str, what: &str) -> String {
    let origin = origin_of(url);
    format!("if {origin} is the public name of the server, enter the URL with it; if not, {}", behind_a_proxy(what))
}

/// The cause that most servers share which publish an internal URL.
pub(super) fn behind_a_proxy(what: &str) -> String {
    format!(
        "tell the server its public URL: it makes {what} from what it sees behind its proxy. Set its public or base URL, or let the proxy send Host and X-Forwarded-Proto and the server trust them"
    )
}

fn unreadable(fault: Option<ChallengeFieldFault>) -> &'static str {
    match fault {
        None | Some(ChallengeFieldFault::Character(_)) => "a character that may not be there",
        Some(ChallengeFieldFault::OpenQuote) => "a quoted value without an end",
        Some(ChallengeFieldFault::ParameterFirst) => "a parameter without a scheme before it",
        Some(ChallengeFieldFault::TooMany) => "too many parameters",
    }
}

/// The start of a field that a server sent.
fn shown(line: &HeaderValue) -> String {
    String::from_utf8_lossy(line.as_bytes()).chars().take(SHOWN_CHARS_MAX).collect()
}
