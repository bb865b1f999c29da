//! Fetches the metadata of an authorization server as the gateway does, and says what is wrong.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE},
};

use super::{own_file::OwnFile, words};
use crate::{
    base::{date::of_http, text::BYTE_ORDER_MARK},
    cli::doctor::{finding::Finding, name_server::of_silent_dns},
    decide::resource_server::issuer_metadata::{self, AskedAs, MetadataFault, ServerMetadata},
    outbound::{
        address::AddressRule,
        ask::{AskFault, Asker, WebAnswer, WebQuestion},
        basic::{basic, takes_basic},
        discover::named_place,
        fetch::Plaintext,
        reach::ReachAt,
    },
};

/// An authorization server of the configuration.
pub(super) struct ExaminedIssuer<'a> {
    pub of: &'a OwnFile<'a>,
    /// The key under which it is written: `authorization_servers.corporate`.
    pub key: String,
    pub issuer: &'a str,
    pub asked_as: AskedAs,
    pub asker: Asker,
    /// Where it is reached instead.
    pub detour: Option<&'a ReachAt>,
}

/// What the gateway is at an authorization server.
pub(super) struct OwnClient<'a> {
    pub id: &'a str,
    pub secret: &'a [u8],
}

impl ExaminedIssuer<'_> {
    /// A finding about the key `name` of it.
    pub(super) fn finding(&self, id: &'static str, name: &str, found: impl Into<String>) -> Finding {
        Finding::new(id, self.of.at(&format!("{}.{name}", self.key))).found(found)
    }

    /// Its metadata, and the clock of its server.
    pub(super) async fn metadata(&self) -> Result<(ServerMetadata, Option<Duration>), Box<Finding>> {
        let places = issuer_metadata::places(self.issuer, self.asked_as).unwrap_or_default();
        let mut worst: Option<Box<Finding>> = None;
        let mut seen = Vec::new();
        for place in &places {
            let answer = self.get(place).await.map_err(|fault| Box::new(self.unreachable("issuer", place, &fault)))?;
            if answer.status == StatusCode::OK {
                match self.read(place, &answer) {
                    Ok(metadata) => return Ok((metadata, date(&answer))),
                    Err(finding) => _ = worst.get_or_insert(finding),
                }
            }
            seen.push(format!("status {} at {place}", answer.status.as_u16()));
        }
        Err(worst.unwrap_or_else(|| {
            let finding = self.finding("issuer-metadata-missing", "issuer", seen.join("; "));
            Box::new(finding.expected("its metadata as JSON, status 200"))
        }))
    }

    fn read(&self, place: &str, answer: &WebAnswer) -> Result<ServerMetadata, Box<Finding>> {
        let body = answer.body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&answer.body);
        issuer_metadata::read(body, self.issuer).map_err(|fault| {
            Box::new(match fault {
                MetadataFault::Issuer { found } => {
                    let is_slash = found.trim_end_matches('/') == self.issuer.trim_end_matches('/');
                    let id = if is_slash { "issuer-slash" } else { "issuer-differs" };
                    let finding = self.finding(id, "issuer", format!("{:?}; {place} says {found:?}", self.issuer));
                    let finding = finding.expected("the same text");
                    // The metadata may name any issuer: only another spelling is a line to write.
                    match words::is_respelled(&found, self.issuer) {
                        true => finding.line(format!("issuer: {found}")),
                        false => finding.fix(
                            "Ask who runs the issuer which of the two its tokens have in `iss`, and write that one.",
                        ),
                    }
                }
                fault => {
                    let found = format!("{place}: {fault}; {}", words::of_answer(answer));
                    self.finding("issuer-metadata-unreadable", "issuer", found)
                        .expected("its metadata as one JSON object")
                }
            })
        })
    }

    /// The finding of a question that got no answer; `name` is the key that names the URL.
    pub(super) fn unreachable(&self, name: &str, url: &str, fault: &AskFault) -> Finding {
        let found = format!("{url}: {}", words::of_fault(fault));
        match words::is_tls(fault) {
            true => self
                .finding("issuer-tls", name, found)
                .expected(match self.detour {
                    Some(at) => {
                        format!("a certificate for {}, the host of `reach_at`, that the gateway trusts", at.peer.host)
                    }
                    None => "a certificate that the gateway trusts".to_owned(),
                })
                .example("ca: ca.pem"),
            false => {
                let finding = self.finding("issuer-unreachable", name, found).expected("an answer");
                match of_silent_dns(fault) {
                    Some(fix) => finding.fix(fix),
                    None => finding.example("reach_at: https://HOST:PORT"),
                }
            }
        }
    }

    pub(super) async fn get(&self, url: &str) -> Result<WebAnswer, AskFault> {
        let question = WebQuestion::new(Method::GET, url).with(ACCEPT, HeaderValue::from_static("application/json"));
        self.asker.ask(&question).await
    }

    /// As [`Self::get`], at a URL that `member` of its metadata names: the gateway asks no other
    /// places, and neither does doctor.
    ///
    /// # Errors
    /// In words.
    pub(super) async fn get_named(&self, member: &str, url: &str) -> Result<WebAnswer, String> {
        let rule = self.rule_of(member, url)?;
        let question = WebQuestion::new(Method::GET, url).with(ACCEPT, HeaderValue::from_static("application/json"));
        let answered = self.asker.ask(&WebQuestion { rule, ..question }).await;
        answered.map_err(|fault| words::of_fault(&fault))
    }

    /// Which addresses a URL of its metadata may lead to.
    fn rule_of(&self, member: &str, url: &str) -> Result<AddressRule, String> {
        // Plain HTTP counts only for an issuer that is itself configured without TLS.
        let place = named_place(self.issuer, Plaintext::Permitted, self.detour, member, url);
        place.map(|place| place.rule).map_err(|fault| format!("{}; the gateway does not ask it either", fault.cause))
    }

    /// Posts a form with the credential of the gateway, as the metadata says. `member` of it names
    /// the URL; without one, the configuration does.
    ///
    /// # Errors
    /// In words.
    pub(super) async fn post(
        &self,
        (member, url): (Option<&str>, &str),
        form: &[(&str, &str)],
        client: &OwnClient<'_>,
        methods: Option<&[String]>,
    ) -> Result<WebAnswer, String> {
        use crate::decide::authorization_server::form::encode;
        let secret = std::str::from_utf8(client.secret).unwrap_or_default();
        let mut question = WebQuestion::new(Method::POST, url)
            .with(ACCEPT, HeaderValue::from_static("application/json"))
            .with(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let mut form = form.to_vec();
        match basic(client.id, secret).filter(|_| takes_basic(methods)) {
            Some(authorization) => question = question.with(AUTHORIZATION, authorization),
            None => form.extend([("client_id", client.id), ("client_secret", secret)]),
        }
        question.body = Bytes::from(encode(&form));
        if let Some(member) = member {
            question.rule = self.rule_of(member, url)?;
        }
        self.asker.ask(&question).await.map_err(|fault| words::of_fault(&fault))
    }
}

/// Whether an answer refuses the gateway itself, as a client.
pub(super) fn refuses_client(answer: &WebAnswer) -> bool {
    let error = words::member(&answer.body, "error");
    matches!(error.as_deref(), Some("invalid_client" | "unauthorized_client"))
        || answer.status == StatusCode::UNAUTHORIZED
}

/// The clock of a server.
fn date(answer: &WebAnswer) -> Option<Duration> {
    answer.text(&DATE).and_then(of_http)
}
