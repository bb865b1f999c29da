//! Looks at the live MCP server and at the authorization server before a configuration is written.

use http::{HeaderMap, HeaderValue, header::USER_AGENT};
use serde_json::Value;

use crate::{
    base::shown as plain,
    cli::{
        doctor::{fault_words, issuer_findings},
        init::grouping::Offered,
        terminal::complain,
    },
    outbound::{
        ask::{
            AskFault, AskFaultKind, Asker,
            mcp::{McpClient, McpFault},
        },
        dial::DialFaultKind,
    },
};

/// The paths that MCP servers usually have.
const USUAL_PATHS: [&str; 2] = ["/mcp", "/"];

/// An MCP server that answered.
#[derive(Debug)]
pub(super) struct Survey {
    /// One line about it.
    pub told: String,
    /// What it offers.
    pub offered: Offered,
}

/// Asks the server at `url` what it offers.
///
/// # Errors
/// Why it cannot be asked, and what to do.
pub(super) async fn survey(asker: &Asker, url: &str) -> Result<Survey, String> {
    let mut client = McpClient::new(asker, url, fields());
    let begun = match client.begin().await {
        Ok(begun) => begun,
        Err(fault) => return Err(format!("{}: {}", shown(url), words(&fault, url))),
    };
    let mut offered = Offered::default();
    let has = |name: &str| begun.capabilities.get(name).is_some();
    let mut faults = Vec::new();
    let mut list = async |is_there: bool, method: &str, member: &str| -> Vec<Value> {
        if !is_there {
            return Vec::new();
        }
        client.list(method, member).await.unwrap_or_else(|fault| {
            // Servers may leave out a list that their capabilities announce.
            if !matches!(fault, McpFault::Error { code: -32601, .. }) {
                faults.push(format!("{method}: {}", words(&fault, url)));
            }
            Vec::new()
        })
    };
    offered.tools = list(has("tools"), "tools/list", "tools").await;
    offered.resources = list(has("resources"), "resources/list", "resources").await;
    offered.resources.extend(list(has("resources"), "resources/templates/list", "resourceTemplates").await);
    offered.prompts = list(has("prompts"), "prompts/list", "prompts").await;
    client.end().await;
    for fault in faults {
        complain(&format!("{}: {fault}; its rules must be written by hand", shown(url)));
    }
    let name: String = begun.name.chars().filter(|character| !character.is_control()).take(64).collect();
    let told = format!(
        "{}: MCP server {name:?} with {}, {} and {}",
        shown(url),
        counted(offered.tools.len(), "tool"),
        counted(offered.resources.len(), "resource"),
        counted(offered.prompts.len(), "prompt"),
    );
    Ok(Survey { told, offered })
}

/// Where else on the same host an MCP server answers.
pub(super) async fn elsewhere(asker: &Asker, url: &str) -> Option<String> {
    let after_scheme = url.find("://")? + 3;
    let end = url.get(after_scheme..)?.find('/').map_or(url.len(), |at| at + after_scheme);
    let origin = url.get(..end)?;
    for path in USUAL_PATHS {
        let other = format!("{origin}{path}");
        if other.trim_end_matches('/') != url.trim_end_matches('/')
            && McpClient::new(asker, &other, fields()).begin().await.is_ok()
        {
            return Some(other);
        }
    }
    None
}

/// Says what the metadata of an authorization server lacks.
pub(super) async fn issuer(asker: &Asker, issuer: &str) {
    let findings = Box::pin(issuer_findings(asker, issuer)).await;
    if findings.is_empty() {
        complain(&format!("{issuer}: its metadata has what MCP clients need"));
    } else {
        complain(&format!("{issuer}: this stands in the way of MCP clients; the file is written all the same:\n"));
        complain(findings.trim_end());
    }
}

fn fields() -> HeaderMap {
    HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static("portcullis-init"))])
}

/// The URL in messages: its query may hold a key.
fn shown(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// Of at most so many characters is what a server says.
const SAID_CHARS_MAX: usize = 300;
/// Of at most so many characters is what is told about a fault, with the advice.
const FAULT_CHARS_MAX: usize = 4000;

/// What is wrong, and what to do. A server chooses part of it, so it can forge no line.
fn words(fault: &McpFault, url: &str) -> String {
    plain::shown(&told(fault, url), FAULT_CHARS_MAX).to_string()
}

fn told(fault: &McpFault, url: &str) -> String {
    match fault {
        McpFault::Unanswered(fault) => unanswered(fault),
        McpFault::Status(answer) => match (answer.status.as_u16(), answer.location()) {
            (401 | 403, _) => format!(
                "it answered {}: it demands authorization itself. Switch that off there, and let only the gateway reach it",
                answer.status
            ),
            (_, Some(location)) => format!("it answered {} to {}", answer.status, redirect(location, url)),
            (404 | 405, _) => format!("it answered {}: is the path right? Most MCP servers are at /mcp", answer.status),
            _ => format!("it answered {} to `initialize`", answer.status),
        },
        McpFault::NotMcp(answer) => format!("it answered {}, but not in MCP: is it another web server?", answer.status),
        McpFault::Error { code, message } => {
            let message: String = message.chars().take(200).collect();
            format!("it refused with the error {code}, {message:?}")
        }
    }
}

/// Why the server gave no answer, and what to do.
fn unanswered(fault: &AskFault) -> String {
    use DialFaultKind as Dial;
    let found = plain::shown(&fault_words(fault), SAID_CHARS_MAX).to_string();
    let AskFaultKind::Dial(kind) = fault.kind else {
        return format!("no answer: {found}; is the MCP server running, and is this its address?");
    };
    let is_self_signed = fault.certificate.as_ref().is_some_and(|certificate| certificate.is_self_signed);
    match kind {
        Dial::Tls | Dial::TlsUnknownIssuer if is_self_signed => {
            "it runs, with a certificate that is signed by itself. Give --offline, and write `upstream: {url: …, ca: FILE}` with \
             the file of that certificate"
                .to_owned()
        }
        Dial::TlsUnknownIssuer => format!(
            "it runs, with {found}. Name the file of the authority in the variable SSL_CERT_FILE, here and for the gateway; or give \
             --offline, and write `upstream: {{url: …, ca: FILE}}`"
        ),
        Dial::TlsName | Dial::TlsExpired | Dial::TlsNotYetValid => {
            format!("it runs, with {found}. Clients refuse that, so give it another certificate, or write the URL that fits")
        }
        Dial::PlainHttp => format!("{found}: write http://, or the port that speaks TLS"),
        Dial::TlsPort => format!("{found}: write https://, or the port without TLS"),
        _ => format!("no answer: {}; is the MCP server running, and is this its address?", plain::shown(&fault.cause, SAID_CHARS_MAX)),
    }
}

/// Where a redirect leads. Only a URL of the same host is one to write: the gateway sends its
/// credential there.
fn redirect(location: &str, url: &str) -> String {
    let location: String = shown(location).chars().take(200).collect();
    let host =
        |url: &str| url.split_once("://").and_then(|(_, rest)| rest.split('/').next()).map(str::to_ascii_lowercase);
    match location.starts_with("//") || (host(&location).is_some() && host(&location) != host(url)) {
        true => format!("{location:?}, another host: ask who runs the server which URL is right"),
        false => format!("{location:?}: write that URL"),
    }
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::ask::PeerCertificate;

    #[test]
    fn attack_423_no_message_has_a_query_or_sends_the_operator_to_another_host() {
        let url = "http://127.0.0.1:8000/mcp?key=hunter2";
        assert_eq!(shown(url), "http://127.0.0.1:8000/mcp");
        for (location, told) in [
            ("/mcp/?key=hunter2", "\"/mcp/\": write that URL"),
            ("http://127.0.0.1:8000/mcp/#hunter2", "\"http://127.0.0.1:8000/mcp/\": write that URL"),
            ("https://evil.example/?k=hunter2", "another host"),
            ("http://127.0.0.1:9000/mcp", "another host"),
            ("//evil.example/mcp", "another host"),
        ] {
            let words = redirect(location, url);
            assert!(words.contains(told) && !words.contains("hunter2"), "{words}");
        }
    }

    #[test]
    fn first_2_a_server_whose_certificate_is_not_trusted_is_said_to_run() {
        use DialFaultKind as Dial;
        let certificate = |is_self_signed| PeerCertificate {
            names: vec!["other.example".to_owned()],
            valid_from: 0,
            valid_until: 1,
            issuer: "CN=own".to_owned(),
            is_self_signed,
            sent_besides: 0,
        };
        for (kind, is_self_signed, told) in [
            (
                Dial::TlsUnknownIssuer,
                false,
                "it runs, with a certificate issued by CN=own, which was not sent with it. Name",
            ),
            (Dial::TlsUnknownIssuer, false, "SSL_CERT_FILE"),
            // What `openssl req -x509` makes is refused before its issuer is looked for.
            (Dial::Tls, true, "ca: FILE"),
            (Dial::TlsUnknownIssuer, true, "ca: FILE"),
            (Dial::TlsName, false, "it runs, with a certificate for other.example"),
            (Dial::TlsExpired, false, "it runs, with a certificate that expired at 1970"),
            (Dial::PlainHttp, false, "write http://"),
            (Dial::Refused, false, "is the MCP server running"),
        ] {
            let certificate = Some(certificate(is_self_signed));
            let fault = AskFault { kind: AskFaultKind::Dial(kind), cause: "cause".to_owned(), certificate };
            let words = unanswered(&fault);
            assert!(words.contains(told), "{kind:?}: {words}");
        }
    }

    #[test]
    fn attack_423_a_certificate_forges_no_line_and_no_colour() {
        let certificate = PeerCertificate {
            names: vec!["a\nb".to_owned()],
            valid_from: 0,
            valid_until: 1,
            issuer: "CN=\u{1b}[31mEVIL\n https://up: trusted \u{202e}".to_owned(),
            is_self_signed: false,
            sent_besides: 0,
        };
        for kind in [DialFaultKind::TlsUnknownIssuer, DialFaultKind::TlsName, DialFaultKind::Refused] {
            let kind = AskFaultKind::Dial(kind);
            let cause = "bad\n\u{1b}[2J".to_owned();
            let fault = AskFault { kind, cause, certificate: Some(certificate.clone()) };
            let told = words(&McpFault::Unanswered(fault), "https://up/mcp");
            assert!(!told.contains(|c: char| c.is_control() || c == '\u{202e}'), "{told:?}");
        }
    }
}
