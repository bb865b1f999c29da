//! Judges an authorization server as clients need it: its metadata, endpoints, PKCE, registration.

use http::HeaderValue;
use serde_json::{Map, Value};

use super::{
    documents::{DocumentAnswer, DocumentOf, fetch, is_private, rule_of},
    reach::{self, is_open_http},
};
use crate::{
    cli::doctor::{
        finding::Finding,
        name_server::{NO_NAME_SERVER, of_silent_dns},
    },
    decide::{
        resource_server::issuer_metadata::{self, AskedAs},
        token::jwk::KeySet,
    },
    outbound::{address::AddressRule, ask::Asker},
};

/// The keys of an authorization server.
pub(super) struct IssuerKeySet {
    /// Its name.
    pub issuer: String,
    /// Its keys.
    pub keys: KeySet,
}

/// An authorization server to examine.
pub(super) struct IssuerOf<'a> {
    /// Its name, as the server publishes it.
    pub issuer: &'a str,
    /// Where it was named.
    pub named_at: &'a str,
    /// Asks it.
    pub asker: &'a Asker,
    /// Whether the MCP server has a public address: then its issuers must have one, too.
    pub is_public: bool,
    /// The origin of a page that connects, if pages may.
    pub origin: Option<&'a HeaderValue>,
}

impl IssuerOf<'_> {
    /// What is wrong with it. Its usable keys are added to `keys`.
    pub(super) async fn check(&self, keys: &mut Vec<IssuerKeySet>) -> Vec<Finding> {
        let places = match self.places() {
            Ok(places) => places,
            Err(finding) => return vec![*finding],
        };
        let mut findings = Vec::new();
        if is_open_http(self.issuer) {
            findings.push(
                Finding::new("issuer-http", format!("GET {}", self.named_at))
                    .found(format!("authorization_servers: {:?}", self.issuer))
                    .expected("an issuer that begins with https://"),
            );
            return findings;
        }
        let rule = rule_of(self.is_public);
        let mut absent = Vec::new();
        let mut unusable = None;
        for place in places {
            match fetch(self.asker, &place, rule, self.origin, DocumentOf::Issuer).await {
                DocumentAnswer::Object(object, answer, _) => {
                    let allowed = answer.text(&http::header::ACCESS_CONTROL_ALLOW_ORIGIN);
                    if let Some(origin) = self.origin
                        && !allowed.is_some_and(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes())
                    {
                        findings.push(
                            Finding::new("issuer-cors", format!("GET {place}"))
                                .found("no Access-Control-Allow-Origin for a page")
                                .expected("Access-Control-Allow-Origin: *")
                                .warning(),
                        );
                    }
                    findings.extend(self.judge(&place, &object));
                    findings.extend(self.keys(&place, &object, keys).await);
                    return findings;
                }
                DocumentAnswer::Absent(status) => absent.push(format!("{} at {place}", status.as_u16())),
                DocumentAnswer::Unusable(finding) => {
                    unusable.get_or_insert(finding);
                }
                DocumentAnswer::Unanswered(fault) => {
                    let id = if is_private(&fault, rule) { "issuer-private-address" } else { "issuer-unreachable" };
                    let finding = Finding::new(id, self.issuer)
                        .found(reach::words(&fault))
                        .expected("an authorization server that answers");
                    findings.push(match of_silent_dns(&fault) {
                        Some(fix) => Finding { cause: NO_NAME_SERVER.to_owned(), ..finding.fix(fix) },
                        None => finding,
                    });
                    return findings;
                }
            }
        }
        findings.push(unusable.unwrap_or_else(|| {
            Finding::new("issuer-metadata-missing", self.issuer)
                .found(absent.join("; "))
                .expected("the metadata of RFC 8414 or OpenID Connect Discovery at one of these")
        }));
        findings
    }

    fn places(&self) -> Result<Vec<String>, Box<Finding>> {
        let found = format!("authorization_servers: {:?}", self.issuer);
        let about = |id, expected: String| {
            let finding = Finding::new(id, format!("GET {}", self.named_at)).found(&found).expected(expected);
            Box::new(finding)
        };
        if let Some((issuer, _)) = self.issuer.split_once("/.well-known/") {
            let expected = format!("the issuer itself, exactly as `issuer` in that document says, such as {issuer:?}");
            return Err(about("issuer-is-document", expected));
        }
        issuer_metadata::places(self.issuer, AskedAs::ResourceServer)
            .map_err(|_| about("issuer-not-url", "an https:// URL without a query".to_owned()))
    }

    fn judge(&self, place: &str, object: &Map<String, Value>) -> Vec<Finding> {
        let at = format!("GET {place}");
        let mut findings = Vec::new();
        let issuer = object.get("issuer").and_then(Value::as_str).unwrap_or_default();
        if issuer != self.issuer {
            let is_slash = issuer.trim_end_matches('/') == self.issuer.trim_end_matches('/');
            let found = if issuer.is_empty() { "no issuer".to_owned() } else { format!("issuer: {issuer:?}") };
            findings.push(
                Finding::new(if is_slash { "issuer-slash" } else { "issuer-differs" }, at.clone())
                    .found(found)
                    .expected(format!("issuer: {:?}, as authorization_servers at {} says", self.issuer, self.named_at))
                    .fix(format!("publish the issuer exactly as it names itself: authorization_servers: [{issuer:?}]"))
                    .value(issuer),
            );
        }
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        for name in ["authorization_endpoint", "token_endpoint"] {
            if text(name).is_none() {
                findings.push(
                    Finding::new("issuer-endpoint-missing", at.clone()).found(format!("no {name}")).expected(name),
                );
            }
        }
        for name in ["authorization_endpoint", "token_endpoint", "registration_endpoint"] {
            if let Some(url) = text(name).filter(|url| is_open_http(url)) {
                findings.push(
                    Finding::new("issuer-endpoint-http", at.clone())
                        .found(format!("{name}: {url:?}"))
                        .expected("an https:// URL"),
                );
            }
        }
        let list = |name: &str| {
            let all = object.get(name)?.as_array()?;
            Some(all.iter().filter_map(Value::as_str).collect::<Vec<_>>())
        };
        match list("code_challenge_methods_supported") {
            None => findings.push(
                Finding::new("pkce-missing", at.clone())
                    .found("no code_challenge_methods_supported")
                    .expected("code_challenge_methods_supported: [\"S256\"]"),
            ),
            Some(methods) if !methods.contains(&"S256") => findings.push(
                Finding::new("pkce-without-s256", at.clone())
                    .found(format!("code_challenge_methods_supported: {methods:?}"))
                    .expected("code_challenge_methods_supported: [\"S256\"]"),
            ),
            Some(_) => {}
        }
        let lacks = |name: &str, value: &str| list(name).filter(|all| !all.contains(&value));
        let lacking = [("response_types_supported", "code"), ("grant_types_supported", "authorization_code")];
        if let Some((name, value, all)) =
            lacking.into_iter().find_map(|(name, value)| Some((name, value, lacks(name, value)?)))
        {
            findings.push(
                Finding::new("code-flow-missing", at.clone())
                    .found(format!("{name}: {all:?}"))
                    .expected(format!("{value:?} among them")),
            );
        }
        let takes_documents = object.get("client_id_metadata_document_supported") == Some(&Value::Bool(true));
        if text("registration_endpoint").is_none() && !takes_documents {
            findings.push(
                Finding::new("registration-missing", at.clone())
                    .found("neither registration_endpoint nor client_id_metadata_document_supported")
                    .expected("one of them; or each user enters a client id that was registered by hand")
                    .warning(),
            );
        }
        if let Some(methods) = lacks("token_endpoint_auth_methods_supported", "none") {
            findings.push(
                Finding::new("public-clients-refused", at)
                    .found(format!("token_endpoint_auth_methods_supported: {methods:?}"))
                    .expected("\"none\" among them, for clients that cannot keep a secret")
                    .warning(),
            );
        }
        findings
    }

    /// The keys, if the metadata names any. Clients do not need them, but who verifies tokens does.
    async fn keys(&self, place: &str, object: &Map<String, Value>, all: &mut Vec<IssuerKeySet>) -> Option<Finding> {
        let url = object.get("jwks_uri").and_then(Value::as_str)?;
        let at = format!("GET {url}");
        let named = format!("the keys that jwks_uri at {place} names");
        let rule = if self.is_public { AddressRule::PublicOnly } else { AddressRule::Configured };
        match fetch(self.asker, url, rule, None, DocumentOf::Issuer).await {
            DocumentAnswer::Object(_, answer, _) => match KeySet::examine(&answer.body) {
                Ok(keys) if keys.is_empty() => {
                    Some(Finding::new("jwks-empty", at).found("no key that verifies a signature").expected(named))
                }
                Ok(keys) => {
                    all.push(IssuerKeySet { issuer: self.issuer.to_owned(), keys });
                    None
                }
                Err(fault) => Some(Finding::new("jwks-unreadable", at).found(fault.to_string()).expected(named)),
            },
            DocumentAnswer::Absent(status) => {
                Some(Finding::new("jwks-unreachable", at).found(status.to_string()).expected(named))
            }
            DocumentAnswer::Unusable(finding) => {
                let id = if finding.found.contains("not") { "jwks-unreadable" } else { "jwks-unreachable" };
                Some(Finding { id, expected: named, ..finding })
            }
            DocumentAnswer::Unanswered(fault) => {
                Some(Finding::new("jwks-unreachable", at).found(reach::words(&fault)).expected(named))
            }
        }
    }
}
