//! Judges the first answer of a server: it must be a 401 that starts a sign-in.

use http::{
    Method, StatusCode,
    header::{CONTENT_TYPE, HeaderValue, SERVER},
};

use super::{
    examined::Outside,
    reach::{is_open_http, origin_of, path_of},
};
use crate::{
    base::{media, names::is_loopback_name},
    cli::doctor::finding::Finding,
    decide::mcp::answer::answer_of::answer_of,
    outbound::ask::{WebAnswer, WebQuestion},
};

/// Paths where frameworks put MCP.
const USUAL: [&str; 3] = ["/mcp", "/sse", "/mcp/"];
/// How much of a body is repeated.
const SHOWN_CHARS_MAX: usize = 160;

/// What the first answer means.
pub(super) enum First {
    /// 401.
    Challenged,
    /// The server works, and asks for no token.
    Open(Finding),
    /// Nothing more can be found out.
    Stopped(Finding),
}

/// Judges the answer to `initialize` without a token.
pub(super) async fn judge(of: &Outside<'_>, answer: &WebAnswer) -> First {
    let at = format!("POST {}", of.url);
    let status = answer.status;
    let told = told(answer);
    let stopped = |id: &'static str| {
        let expected = "401 with WWW-Authenticate: Bearer resource_metadata=\"…\"";
        Finding::new(id, at.clone()).found(format!("{status}{told}")).expected(expected)
    };
    First::Stopped(match status.as_u16() {
        401 => return First::Challenged,
        200 | 202 => {
            let kind = answer.fields.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
            if answer_of(kind, &answer.body, 0).is_none() {
                stopped("not-mcp").expected("an answer to initialize, or 401")
            } else {
                let finding = stopped("no-authorization").found("200 and a session, without a token");
                return First::Open(finding);
            }
        }
        300..=399 => redirected(of, answer),
        404 | 410 => {
            let finding = stopped("mcp-not-found");
            match elsewhere(of).await {
                Some(url) => finding.fix(format!("enter {url}: an MCP server answers there")).value(url),
                None => finding,
            }
        }
        405 => stopped("mcp-method-refused"),
        421 => stopped("mcp-host-refused").fix(host_fix(of)),
        403 | 429 | 503 | 520..=530 if is_of_firewall(answer) => stopped("proxy-answers"),
        403 | 400 if names_host(answer) => stopped("mcp-host-refused").fix(host_fix(of)),
        403 | 429 => stopped("mcp-forbidden"),
        502..=504 => stopped("mcp-bad-gateway"),
        500.. => stopped("mcp-server-error"),
        _ => stopped("mcp-unexpected-status"),
    })
}

fn host_fix(of: &Outside<'_>) -> String {
    let origin = origin_of(of.url);
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    format!("allow the host {host} at the server, or let the proxy in front send a Host that the server knows")
}

/// Whether the refusal speaks of the host, as the guards against DNS rebinding of SDKs do.
fn names_host(answer: &WebAnswer) -> bool {
    let text = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
    ["invalid host", "host header", "host not allowed", "allowedhosts", "allowed_hosts", "disallowed host"]
        .iter()
        .any(|words| text.contains(words))
}

/// Whether a web firewall or a network of caches answers in place of the server. They also name
/// themselves where they pass an answer on, so that only their pages and challenges count.
fn is_of_firewall(answer: &WebAnswer) -> bool {
    const NAMES: [&str; 9] =
        ["cloudflare", "akamai", "awselb", "cloudfront", "sucuri", "imperva", "incapsula", "ddos-guard", "varnish"];
    let is_page = answer.fields.get(CONTENT_TYPE).is_some_and(|kind| media::is(kind.as_bytes(), "text/html"));
    let server = answer.text(&SERVER).unwrap_or_default().to_ascii_lowercase();
    let names_itself = NAMES.iter().any(|name| server.contains(name));
    ["cf-mitigated", "x-amzn-waf-action"].iter().any(|name| answer.fields.contains_key(*name))
        || (is_page && names_itself)
}

/// Where a redirect leads, and what that means.
fn redirected(of: &Outside<'_>, answer: &WebAnswer) -> Finding {
    let at = format!("POST {}", of.url);
    let location = answer.location().unwrap_or_default();
    let target = url::Url::parse(of.url).and_then(|base| base.join(location)).map(String::from).unwrap_or_default();
    let found = format!("{} to {}", answer.status, if location.is_empty() { "no Location" } else { location });
    let (from, to) = (origin_of(of.url), origin_of(&target));
    let (path, other) = (path_of(of.url), path_of(&target).split('?').next().unwrap_or_default());
    let is_same_path = path.trim_end_matches('/') == other.trim_end_matches('/');
    let lower = target.to_ascii_lowercase();
    let is_sign_in =
        ["login", "signin", "sign-in", "sign_in", "auth", "sso", "saml"].iter().any(|word| lower.contains(word));
    if is_same_path && from.starts_with("http://") && to.starts_with("https://") {
        return Finding::new("redirect-to-https", at).found(found).expected("a URL that answers itself").fix(format!(
            "enter {target}: clients do not send a POST again after a redirect, and a token must not go over http://"
        )).value(to);
    }
    if !is_same_path && is_sign_in {
        return Finding::new("mcp-sign-in-page", at)
            .found(found)
            .expected("401 with WWW-Authenticate: Bearer resource_metadata=\"…\"");
    }
    let fix = if target.is_empty() || is_open_http(&target) {
        "let the server answer at the URL that users enter".to_owned()
    } else {
        format!("enter {target}, or let the server answer at both")
    };
    Finding::new("redirect-from-endpoint", at).found(found).expected("a URL that answers itself").fix(fix)
}

/// A usual path of this host where an MCP server answers.
async fn elsewhere(of: &Outside<'_>) -> Option<String> {
    let origin = origin_of(of.url);
    let path = path_of(of.url);
    for usual in USUAL {
        if path.trim_end_matches('/') == usual.trim_end_matches('/') && path != format!("{usual}/") {
            continue;
        }
        let url = format!("{origin}{usual}");
        let method = if usual == "/sse" { Method::GET } else { Method::POST };
        let mut question = WebQuestion { url: &url, method, ..of.first_question() };
        question.enough = Some(|_| true);
        let Ok(answer) = of.ask(question).await else { return None };
        let kind = answer.fields.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let speaks = media::is(kind, media::EVENT_STREAM) || answer_of(kind, &answer.body, 0).is_some();
        if answer.status == StatusCode::UNAUTHORIZED || (answer.status == StatusCode::OK && speaks) {
            return Some(url);
        }
    }
    None
}

/// The start of a body, and what sent it: a firewall and a server's own refusal read differently.
fn told(answer: &WebAnswer) -> String {
    let mut told = String::new();
    if answer.fields.get(CONTENT_TYPE).is_some_and(|kind| media::is(kind.as_bytes(), "text/html")) {
        told.push_str(", an HTML page");
    } else {
        let text = String::from_utf8_lossy(&answer.body);
        let visible: String = text.chars().filter(|character| !character.is_control()).take(SHOWN_CHARS_MAX).collect();
        if !visible.trim().is_empty() {
            told = format!(": {}", visible.trim());
        }
    }
    if let Some(server) = answer.text(&SERVER) {
        let server: String = server.chars().take(40).collect();
        told = format!("{told} (Server: {server})");
    }
    told
}

/// A local server that answers pages of any origin, and asks for no token.
pub(super) fn is_local(url: &str) -> bool {
    is_loopback_name(super::reach::host_of(&origin_of(url)))
}
