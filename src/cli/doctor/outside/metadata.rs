//! Finds the protected resource metadata as clients do (RFC 9728), and judges what it says.

use http::StatusCode;
use serde_json::{Map, Value};

use super::{
    challenge::{behind_a_proxy, other_host},
    documents::{DocumentAnswer, DocumentOf, fetch, rule_of},
    examined::Outside,
    published::Resource,
    reach::{self, host_of, origin_of, path_of},
};
use crate::{cli::doctor::finding::Finding, outbound::address::AddressRule};

/// Where the metadata may be: what the challenge names first, then the form with the path, then the
/// root form.
fn places(url: &str, named: Option<&str>) -> Vec<String> {
    let path = path_of(url).split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let origin = origin_of(url);
    let mut all: Vec<String> = named.map(str::to_owned).into_iter().collect();
    for place in [path, ""].map(|path| format!("{origin}/.well-known/oauth-protected-resource{path}")) {
        if !all.contains(&place) {
            all.push(place);
        }
    }
    all
}

/// What was found, and what is wrong with it. `named`: by the challenge. `challenge`: what is wrong
/// with that.
pub(super) async fn find(
    of: &Outside<'_>,
    named: Option<&str>,
    challenge: Vec<Finding>,
    is_public: bool,
) -> (Option<Resource>, Vec<Finding>) {
    let mut findings = challenge;
    let mut absent = Vec::new();
    let mut trouble = Vec::new();
    let mut used: Option<(String, AddressRule, Map<String, Value>)> = None;
    for (index, place) in places(of.url, named).into_iter().enumerate() {
        let is_named = index == 0 && named.is_some();
        // The root form is for clients that find nothing else.
        if used.is_some() && path_of(&place) == "/.well-known/oauth-protected-resource" {
            continue;
        }
        let is_own = origin_of(&place) == origin_of(of.url);
        let rule = if is_own { of.rule } else { rule_of(is_public) };
        match fetch(of.asker, &place, rule, None, DocumentOf::Resource).await {
            DocumentAnswer::Object(object, _, label) => match &used {
                None => {
                    findings.extend(label);
                    used = Some((place, rule, object));
                }
                Some((first, _, before)) => findings.extend(differ((first, before), (&place, &object))),
            },
            DocumentAnswer::Absent(status) if is_named => {
                trouble.push(
                    Finding::new("metadata-not-found", format!("GET {place}"))
                        .found(said(status))
                        .expected("the metadata: the 401 names this URL"),
                );
            }
            DocumentAnswer::Absent(status) => {
                // The form with the path is what clients guess that do not read the challenge.
                if used.is_some() {
                    findings.push(
                        Finding::new("metadata-path-form-missing", format!("GET {place}"))
                            .found(said(status))
                            .expected("the same document as at the URL of the 401")
                            .warning(),
                    );
                }
                absent.push(format!("{} at {place}", said(status)));
            }
            DocumentAnswer::Unusable(finding) if used.is_some() => findings.push(finding.warning()),
            DocumentAnswer::Unusable(finding) => trouble.push(finding),
            DocumentAnswer::Unanswered(fault) => trouble.push(reach::finding(&fault, &place)),
        }
    }
    let Some((at, rule, object)) = used else {
        // The first trouble is what stops a client; without any, nothing is there at all.
        let missing = Finding::new("metadata-missing", of.url)
            .found(absent.join("; "))
            .expected("the protected resource metadata of RFC 9728 at one of these");
        match trouble.into_iter().next() {
            Some(first) => findings.push(first),
            None => {
                // Whatever the challenge lacks has the same cause.
                findings.retain(|finding| {
                    !matches!(finding.id, "challenge-missing" | "challenge-html" | "challenge-without-metadata")
                });
                findings.push(missing);
            }
        }
        return (None, findings);
    };
    findings.extend(trouble);
    let (resource, said) = judge((&at, rule), &object, of.url);
    // A server that does not know its own URL writes it wrong everywhere: one cause, one finding.
    let is_known =
        (findings.iter()).any(|finding| matches!(finding.id, "challenge-metadata-host" | "challenge-metadata-http"));
    let of_same_cause = |id: &str| matches!(id, "resource-host" | "resource-http");
    findings.extend(said.into_iter().filter(|finding| !is_known || !of_same_cause(finding.id)));
    (Some(resource), findings)
}

fn said(status: StatusCode) -> String {
    if status == StatusCode::OK { "an HTML page".to_owned() } else { status.to_string() }
}

/// What two forms of the document say differently.
fn differ((one, first): (&str, &Map<String, Value>), (other, second): (&str, &Map<String, Value>)) -> Option<Finding> {
    // A slash at the end follows the URL that was asked.
    let resource = |of: &Map<String, Value>| {
        of.get("resource").and_then(Value::as_str).map(|text| text.trim_end_matches('/').to_owned())
    };
    let member = match first.get("authorization_servers") == second.get("authorization_servers") {
        true if resource(first) == resource(second) => return None,
        true => "resource",
        false => "authorization_servers",
    };
    let value = |of: &Map<String, Value>| of.get(member).map_or_else(|| "nothing".to_owned(), Value::to_string);
    Some(
        Finding::new("metadata-forms-differ", format!("GET {other}"))
            .found(format!("{member}: {}", value(second)))
            .expected(format!("{member}: {}, as at {one}", value(first)))
            .warning(),
    )
}

fn judge((at, rule): (&str, AddressRule), object: &Map<String, Value>, url: &str) -> (Resource, Vec<Finding>) {
    let mut findings = Vec::new();
    let place = format!("GET {at}");
    let resource = object.get("resource").and_then(Value::as_str).unwrap_or_default().to_owned();
    findings.extend(compare(&place, &resource, url));
    let listed = object.get("authorization_servers");
    let issuers: Vec<String> =
        (listed.and_then(Value::as_array).into_iter().flatten()).filter_map(Value::as_str).map(str::to_owned).collect();
    if issuers.is_empty() {
        let found =
            listed.map_or_else(|| "no authorization_servers".to_owned(), |all| format!("authorization_servers: {all}"));
        findings.push(Finding::new("issuers-missing", place).found(found).expected(
            "authorization_servers: the issuer where users sign in, such as [\"https://login.example.com\"]",
        ));
    }
    (Resource { at: at.to_owned(), rule, resource, issuers }, findings)
}

/// How the resource differs from what the user entered.
fn compare(place: &str, resource: &str, url: &str) -> Option<Finding> {
    if resource.is_empty() {
        return Some(
            Finding::new("resource-missing", place).found("no resource").expected(format!("resource: {url:?}")),
        );
    }
    let (found, entered) = (normal(resource), normal(url));
    if found == entered {
        return None;
    }
    let about =
        |id| Finding::new(id, place).found(format!("resource: {resource:?}")).expected(format!("resource: {url:?}"));
    let (origin, own) = (origin_of(&found), origin_of(&entered));
    if found.trim_end_matches('/') == entered.trim_end_matches('/') {
        return Some(
            about("resource-slash")
                .fix(format!("enter the URL as the server names it, {resource}; or let it publish {url}")),
        );
    }
    if origin == own {
        let (path, entered) = (path_of(&found).trim_end_matches('/'), path_of(&entered));
        let is_above = entered.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        return Some(if is_above { about("resource-above").warning() } else { about("resource-differs") });
    }
    let is_same_host = host_of(&origin) == host_of(&own);
    if is_same_host && origin.starts_with("http://") && own.starts_with("https://") {
        return Some(about("resource-http").fix(behind_a_proxy("`resource`")));
    }
    Some(about("resource-host").fix(other_host(&found, "`resource`")))
}

/// As clients compare: scheme and host in lower case, no default port, and no slash after a bare
/// host.
fn normal(url: &str) -> String {
    let origin = origin_of(url);
    let bare = match origin.split_once("://") {
        Some(("https", _)) => origin.strip_suffix(":443"),
        Some(("http", _)) => origin.strip_suffix(":80"),
        _ => None,
    };
    let path = path_of(url).split('#').next().unwrap_or_default();
    format!("{}{}", bare.unwrap_or(&origin), if path == "/" { "" } else { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_4_doctor_compares_the_resource_as_clients_do() {
        for (resource, url, id) in [
            ("https://a.example/mcp", "https://a.example/mcp", None),
            ("https://A.example:443/mcp", "https://a.example/mcp", None),
            ("https://a.example", "https://a.example/", None),
            ("https://a.example/mcp/", "https://a.example/mcp", Some("resource-slash")),
            ("https://a.example/mcp", "https://a.example/mcp/", Some("resource-slash")),
            ("http://a.example/mcp", "https://a.example/mcp", Some("resource-http")),
            ("http://a.example:8000/mcp", "https://a.example/mcp", Some("resource-http")),
            ("http://mcp:8000/mcp", "https://a.example/mcp", Some("resource-host")),
            ("https://a.example", "https://a.example/mcp", Some("resource-above")),
            ("https://a.example/other", "https://a.example/mcp", Some("resource-differs")),
            ("", "https://a.example/mcp", Some("resource-missing")),
        ] {
            assert_eq!(compare("at", resource, url).map(|finding| finding.id), id, "{resource} {url}");
        }
    }

    #[test]
    fn first_4_doctor_looks_for_metadata_where_clients_do() {
        let forms = [
            "https://a.example/.well-known/oauth-protected-resource/x/mcp",
            "https://a.example/.well-known/oauth-protected-resource",
        ];
        assert_eq!(places("https://a.example/x/mcp/", None), forms);
        assert_eq!(places("https://a.example/x/mcp", Some(forms[0])), forms);
        assert_eq!(places("https://a.example/", Some("https://b/doc")), ["https://b/doc", forms[1]]);
    }
}
