//! Says in words why a server behind the gateway gave no answer, or another than was expected.

use http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::{
    base::date::written,
    outbound::{
        ask::{AskFault, AskFaultKind, WebAnswer},
        dial::DialFaultKind,
    },
};

/// How many characters of a body a finding repeats.
const BODY_CHARS_MAX: usize = 80;

/// Why there is no answer.
pub(super) fn of_fault(fault: &AskFault) -> String {
    // A certificate holds what its maker wrote (attack 372).
    plain(&told(fault))
}

/// `text` on one line, without characters that a terminal obeys or does not show.
pub(super) fn plain(text: &str) -> String {
    let is_invisible =
        |c: char| matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    text.chars().map(|c| if c.is_control() || is_invisible(c) { '?' } else { c }).collect()
}

/// Whether two texts are one URL, but for case and a slash at the end.
pub(crate) fn is_respelled(one: &str, other: &str) -> bool {
    one.trim_end_matches('/').eq_ignore_ascii_case(other.trim_end_matches('/'))
}

/// A URL, or its path, with `…` in place of its query: a query may hold a key.
pub(super) fn without_query(url: &str) -> String {
    match url.split_once(['?', '#']) {
        Some((before, _)) => format!("{before}?…"),
        None => url.to_owned(),
    }
}

fn told(fault: &AskFault) -> String {
    let AskFaultKind::Dial(kind) = fault.kind else { return fault.cause.clone() };
    let certificate = fault.certificate.as_ref();
    match (kind, certificate) {
        (DialFaultKind::TlsName, Some(of)) => format!("a certificate for {}", of.names.join(", ")),
        (DialFaultKind::TlsExpired, Some(of)) => {
            let until = std::time::Duration::from_secs(u64::try_from(of.valid_until).unwrap_or_default());
            format!("a certificate that expired at {}", written(until))
        }
        (DialFaultKind::TlsUnknownIssuer, Some(of)) if of.is_self_signed => "a self-signed certificate".to_owned(),
        (DialFaultKind::TlsUnknownIssuer, Some(of)) => {
            format!("a certificate issued by {}, which is not trusted", of.issuer)
        }
        _ => format!("it {} ({})", kind.phrase(), fault.cause),
    }
}

/// Whether a fault is about TLS.
pub(super) fn is_tls(fault: &AskFault) -> bool {
    use DialFaultKind::{PlainHttp, Tls, TlsExpired, TlsName, TlsNotYetValid, TlsOwn, TlsRefused, TlsUnknownIssuer};
    let AskFaultKind::Dial(kind) = fault.kind else { return false };
    matches!(kind, Tls | TlsExpired | TlsName | TlsNotYetValid | TlsOwn | TlsRefused | TlsUnknownIssuer | PlainHttp)
}

/// Status, type and beginning of an answer.
pub(super) fn of_answer(answer: &WebAnswer) -> String {
    let kind = answer.text(&CONTENT_TYPE).unwrap_or("no type");
    let text = String::from_utf8_lossy(&answer.body);
    let shown: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(BODY_CHARS_MAX).collect();
    let shown = plain(&shown);
    match shown.is_empty() {
        true => format!("status {}, {kind}", answer.status.as_u16()),
        false => format!("status {}, {kind}: {shown}", answer.status.as_u16()),
    }
}

/// Whether an answer is a web page.
pub(super) fn is_page(answer: &WebAnswer) -> bool {
    let labelled = answer.text(&CONTENT_TYPE).is_some_and(|kind| kind.trim_start().starts_with("text/html"));
    let start = answer.body.trim_ascii_start().get(..9).map(<[u8]>::to_ascii_lowercase).unwrap_or_default();
    labelled || start.starts_with(b"<!doctype") || start.starts_with(b"<html")
}

/// The text of `name` in a JSON object.
pub(super) fn member(body: &[u8], name: &str) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    value.get(name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn first_4_doctor_own_attack_372_what_is_shown_is_one_line_of_visible_characters() {
        assert_eq!(plain("a\u{1b}[2Kb\nc\u{202E}d\u{FEFF}é"), "a?[2Kb?c?d?é");
    }
}
