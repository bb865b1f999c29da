//! Judges what a client in a browser needs: preflight, readable refusals, exposed fields (CORS).

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, WWW_AUTHENTICATE,
    },
};

use super::{
    documents::{DocumentAnswer, DocumentOf, fetch},
    examined::Outside,
    published::Resource,
};
use crate::{
    cli::doctor::finding::Finding,
    outbound::ask::{WebAnswer, WebQuestion},
};

/// Where MCP Inspector serves its page.
pub(super) const INSPECTOR: HeaderValue = HeaderValue::from_static("http://localhost:6274");
/// What SDKs in a page send besides the safe fields.
const WANTED: &str = "authorization, content-type, mcp-protocol-version";
const EXPOSED: [HeaderName; 2] = [WWW_AUTHENTICATE, HeaderName::from_static("mcp-session-id")];

/// What is wrong for a page of this origin. A server that refuses the origin outright, with 403,
/// has decided so; that is a finding only if the user named the origin. Also returns whether a page
/// may connect.
pub(super) async fn check(of: &Outside<'_>, resource: Option<&Resource>) -> (Vec<Finding>, bool) {
    let origin = &of.origin.cloned().unwrap_or(INSPECTOR);
    let named = of.origin.is_some();
    let shown = origin.to_str().unwrap_or_default().to_owned();
    let mut findings = Vec::new();
    let Ok(posted) = of.ask(of.first_question().with(ORIGIN, origin.clone())).await else {
        return (findings, false);
    };
    if posted.status == StatusCode::FORBIDDEN {
        if named {
            findings.push(
                Finding::new("origin-refused", format!("POST {}", of.url))
                    .found(format!("403 to Origin: {shown}"))
                    .expected("401, as without an Origin")
                    .fix(format!("allow the origin {shown} at the server")),
            );
        }
        return (findings, false);
    }
    let preflight = WebQuestion::new(Method::OPTIONS, of.url)
        .with(ORIGIN, origin.clone())
        .with(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"))
        .with(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static(WANTED));
    let Ok(answer) = of.ask(preflight).await else { return (findings, false) };
    let at = format!("OPTIONS {}", of.url);
    if !answer.status.is_success() {
        findings.push(
            Finding::new("cors-preflight-refused", at)
                .found(format!("{} to the preflight of a page at {shown}", answer.status))
                .expected("204, without a token: browsers send none with a preflight")
                .warning(),
        );
        // Without a preflight, a page does not get further.
        return (findings, false);
    }
    if !allows(&answer.fields, origin) {
        findings.push(
            Finding::new("cors-origin-not-allowed", at)
                .found(match answer.text(&ACCESS_CONTROL_ALLOW_ORIGIN) {
                    Some(other) => format!("Access-Control-Allow-Origin: {other}"),
                    None => "no Access-Control-Allow-Origin".to_owned(),
                })
                .expected(format!("Access-Control-Allow-Origin: {shown}"))
                .warning(),
        );
        return (findings, false);
    }
    findings.extend(fields(&at, &answer));
    let post = format!("POST {}", of.url);
    if !allows(&posted.fields, origin) {
        findings.push(
            Finding::new("cors-missing-on-401", post)
                .found(format!("{} without Access-Control-Allow-Origin", posted.status))
                .expected(format!("Access-Control-Allow-Origin: {shown} on every answer, errors too"))
                .warning(),
        );
    } else {
        let exposed = names(&posted.fields, &ACCESS_CONTROL_EXPOSE_HEADERS);
        for (name, id) in EXPOSED.iter().zip(["cors-challenge-not-exposed", "cors-session-not-exposed"]) {
            // A 401 has no session; many servers expose its id only where there is one.
            let is_due = *name == WWW_AUTHENTICATE || posted.status.is_success();
            if is_due && !exposed.iter().any(|one| one == "*" || one == name.as_str()) {
                findings.push(
                    Finding::new(id, post.clone())
                        .found(format!("Access-Control-Expose-Headers: {}", exposed.join(", ")))
                        .expected(format!("{name} among them"))
                        .warning(),
                );
            }
        }
    }
    if let Some(resource) = resource
        && let DocumentAnswer::Object(_, answer, _) =
            fetch(of.asker, &resource.at, resource.rule, Some(origin), DocumentOf::Resource).await
        && !allows(&answer.fields, origin)
    {
        findings.push(
            Finding::new("cors-missing-on-metadata", format!("GET {}", resource.at))
                .found("no Access-Control-Allow-Origin")
                .expected("Access-Control-Allow-Origin: *")
                .warning(),
        );
    }
    (findings, true)
}

/// What the preflight does not allow.
fn fields(at: &str, answer: &WebAnswer) -> Vec<Finding> {
    let allowed = names(&answer.fields, &ACCESS_CONTROL_ALLOW_HEADERS);
    let list = format!("Access-Control-Allow-Headers: {}", allowed.join(", "));
    let mut findings = Vec::new();
    // Fetch §3.2.3: `*` does not stand for Authorization.
    if !allowed.iter().any(|name| name == "authorization") {
        findings.push(
            Finding::new("cors-authorization-not-allowed", at)
                .found(&list)
                .expected("Authorization by its name; * does not include it")
                .warning(),
        );
    }
    let missing: Vec<&str> = ["content-type", "mcp-protocol-version"]
        .into_iter()
        .filter(|name| !allowed.iter().any(|one| one == "*" || one == name))
        .collect();
    if !missing.is_empty() {
        findings.push(
            Finding::new("cors-headers-not-allowed", at)
                .found(list)
                .expected(format!("{} among them; also mcp-session-id and last-event-id", missing.join(", ")))
                .warning(),
        );
    }
    findings
}

/// Names in a field, in lower case.
fn names(fields: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = fields.get_all(name).iter().filter_map(|line| line.to_str().ok());
    let names = lines.flat_map(|line| line.split(',')).map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}

fn allows(fields: &HeaderMap, origin: &HeaderValue) -> bool {
    fields.get(ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|allowed| allowed == "*" || allowed == origin)
}
