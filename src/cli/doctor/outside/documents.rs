//! Fetches the documents of discovery as clients do, and judges their form.

use std::{net::IpAddr, time::Duration};

use http::{
    HeaderValue, Method, StatusCode,
    header::{CONTENT_TYPE, ORIGIN},
};
use serde_json::{Map, Value};

use super::reach;
use crate::{
    base::{media, text::BYTE_ORDER_MARK},
    cli::doctor::finding::Finding,
    outbound::{
        address::AddressRule,
        ask::{AskFault, AskFaultKind, Asker, WebAnswer, WebQuestion},
        dial::DialFaultKind,
    },
};

/// One document of discovery may take this long.
const WITHIN: Duration = Duration::from_secs(10);

/// What came for a document.
pub(super) enum DocumentAnswer {
    /// A JSON object, and what is wrong with its label.
    Object(Map<String, Value>, Box<WebAnswer>, Vec<Finding>),
    /// It is not there: 404 or 410, or a method that the path does not take.
    Absent(StatusCode),
    /// It is there and cannot be used.
    Unusable(Finding),
    /// There was no answer.
    Unanswered(AskFault),
}

/// Which document it is, for the ids of its findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentOf {
    Resource,
    Issuer,
}

/// Fetches a document as Python's SDK does: without `User-Agent` and `Accept`. A page's origin is
/// sent if there is one.
pub(super) async fn fetch(
    asker: &Asker,
    url: &str,
    rule: AddressRule,
    origin: Option<&HeaderValue>,
    of: DocumentOf,
) -> DocumentAnswer {
    let mut question = WebQuestion::new(Method::GET, url);
    question.rule = rule;
    question.within = WITHIN;
    if let Some(origin) = origin {
        question.fields.insert(ORIGIN, origin.clone());
    }
    match asker.ask(&question).await {
        Ok(answer) => read(answer, url, of),
        Err(fault) => DocumentAnswer::Unanswered(fault),
    }
}

fn read(answer: WebAnswer, url: &str, of: DocumentOf) -> DocumentAnswer {
    let at = format!("GET {url}");
    let status = answer.status;
    let expected = "200 with a JSON object, for everyone";
    let unusable = |id: &'static str, found: String| {
        DocumentAnswer::Unusable(Finding::new(id, at.clone()).found(found).expected(expected))
    };
    let is_of_resource = of == DocumentOf::Resource;
    match status.as_u16() {
        200 => {}
        404 | 405 | 410 => return DocumentAnswer::Absent(status),
        401 | 403 if is_of_resource => return unusable("metadata-needs-token", status.to_string()),
        301..=308 if is_of_resource => {
            return unusable("metadata-redirected", moved(&answer));
        }
        500.. if is_of_resource => return unusable("metadata-server-error", status.to_string()),
        301..=308 => return unusable("issuer-metadata-unreadable", moved(&answer)),
        _ if is_of_resource => return unusable("metadata-unreadable", status.to_string()),
        _ => return unusable("issuer-metadata-unreadable", status.to_string()),
    }
    if !answer.is_whole {
        let id = if is_of_resource { "metadata-unreadable" } else { "issuer-metadata-unreadable" };
        return unusable(id, format!("a body that breaks off, or is too long: {} bytes came", answer.body.len()));
    }
    let kind = answer.fields.get(CONTENT_TYPE);
    let labelled = kind.map_or("no Content-Type", |kind| kind.to_str().unwrap_or("an unreadable Content-Type"));
    let is_json = kind.is_some_and(|kind| {
        let essence = media::essence(kind.as_bytes()).to_ascii_lowercase();
        essence == media::JSON.as_bytes() || (essence.starts_with(b"application/") && essence.ends_with(b"+json"))
    });
    let text = answer.body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&answer.body);
    let object = match serde_json::from_slice(text) {
        Ok(Value::Object(object)) => object,
        // A single-page application answers every path with its page.
        _ if kind.is_some_and(|kind| media::is(kind.as_bytes(), "text/html")) => return DocumentAnswer::Absent(status),
        Ok(_) if is_of_resource => return unusable("metadata-unreadable", "JSON that is not an object".to_owned()),
        Err(cause) if is_of_resource => {
            return unusable("metadata-unreadable", format!("{labelled}, which is not JSON ({cause})"));
        }
        Ok(_) => return unusable("issuer-metadata-unreadable", "JSON that is not an object".to_owned()),
        Err(cause) => {
            return unusable("issuer-metadata-unreadable", format!("{labelled}, which is not JSON ({cause})"));
        }
    };
    let mut findings = Vec::new();
    if !is_json && is_of_resource {
        findings.push(
            Finding::new("metadata-content-type", at)
                .found(labelled)
                .expected("Content-Type: application/json")
                .warning(),
        );
    }
    DocumentAnswer::Object(object, Box::new(answer), findings)
}

fn moved(answer: &WebAnswer) -> String {
    format!("{} to {}", answer.status, answer.location().unwrap_or("no Location"))
}

/// The rule for hosts that documents of a server name: its own network, if the server is on one.
pub(super) fn rule_of(is_public: bool) -> AddressRule {
    if is_public { AddressRule::PublicOnly } else { AddressRule::Configured }
}

/// Whether the server of this answer is reached at a public address.
pub(super) fn is_public(answer: &WebAnswer, url: &str) -> bool {
    match answer.address {
        Some(address) => AddressRule::PublicOnly.permits(address),
        None => is_public_host(reach::host_of(&reach::origin_of(url))),
    }
}

/// Whether a host is public that a forward proxy reaches, and whose address is not known here. A
/// name with a dot counts as public: then what its documents name must be, too.
fn is_public_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => AddressRule::PublicOnly.permits(address),
        Err(_) => host.trim_end_matches('.').contains('.'),
    }
}

/// Whether the name leads to an address that only a private network has.
pub(super) fn is_private(fault: &AskFault, rule: AddressRule) -> bool {
    rule == AddressRule::PublicOnly && fault.kind == AskFaultKind::Dial(DialFaultKind::Address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_4_attack_426_behind_a_forward_proxy_an_address_is_judged_as_one_and_not_by_its_dots() {
        for (host, public) in [
            ("mcp.example.com", true),
            ("8.8.8.8", true),
            ("[2606:4700::1111]", true),
            ("127.0.0.1", false),
            ("10.0.0.5", false),
            ("[fd00::1]", false),
            ("mcp", false),
            ("mcp.", false),
            ("", false),
        ] {
            assert_eq!(is_public_host(host), public, "{host}");
        }
    }
}
