//! The MCP server that is examined, and the first question of each client.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderValue, Method,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT},
};

use super::{published::Accepted, token::TokenFile};
use crate::{
    base::{clock::Clock, media},
    outbound::{
        address::AddressRule,
        ask::{AskFault, Asker, WebAnswer, WebQuestion},
    },
};

/// An MCP server to examine.
#[derive(Clone, Copy)]
pub(crate) struct Outside<'a> {
    /// Its URL, as users enter it.
    pub url: &'a str,
    /// Asks it.
    pub asker: &'a Asker,
    /// Asks an issuer, which may have a private CA of its own.
    pub issuer_asker: &'a (dyn Fn(&str) -> Asker + Sync),
    /// A token to send to the URL.
    pub token: Option<&'a TokenFile>,
    /// The origin of a page that must be able to connect.
    pub origin: Option<&'a HeaderValue>,
    /// This host's clock.
    pub clock: &'a dyn Clock,
    /// Whether clients may begin without a token, and need one for what is not public.
    pub has_public_rules: bool,
    /// Whether a configuration names it: then its host may lead to any address of a service.
    pub is_of_file: bool,
    /// Which addresses its host may lead to: once a public one has answered, no others.
    pub rule: AddressRule,
    /// What its configuration accepts, if that is known.
    pub accepted: Accepted<'a>,
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"portcullis-doctor","version":"1"}}}"#;
/// A call of a tool that no server has: public rules do not name it.
const CALL: &str =
    r#"{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"name":"portcullis-doctor-asks","arguments":{}}}"#;
/// As SDKs write it.
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
pub(super) const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("portcullis-doctor/", env!("CARGO_PKG_VERSION")));
/// One answer may take this long.
const WITHIN: Duration = Duration::from_secs(10);

impl<'a> Outside<'a> {
    /// `initialize`, as clients begin.
    pub(super) fn first_question(&self) -> WebQuestion<'a> {
        let mut question = WebQuestion::new(Method::POST, self.url)
            .with(CONTENT_TYPE, HeaderValue::from_static(media::JSON))
            .with(ACCEPT, BOTH)
            .with(USER_AGENT, AGENT);
        question.within = WITHIN;
        let body = if self.has_public_rules { CALL } else { INITIALIZE };
        question.body = Bytes::from_static(body.as_bytes());
        question
    }

    pub(super) async fn ask(&self, question: WebQuestion<'_>) -> Result<WebAnswer, AskFault> {
        self.asker.ask(&WebQuestion { rule: self.rule, ..question }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::{asking, clock::SystemClock},
        outbound::{ask::AskFaultKind, dial::DialFaultKind},
    };

    fn with_each<T>(url: &str, judge: impl FnOnce(Outside<'_>) -> T) -> T {
        let asker = asking::asker(None).unwrap();
        judge(Outside {
            url,
            asker: &asker,
            issuer_asker: &|_: &str| asker.clone(),
            token: None,
            origin: None,
            clock: &SystemClock::start(),
            has_public_rules: false,
            is_of_file: false,
            rule: AddressRule::Configured,
            accepted: Accepted::default(),
        })
    }

    #[tokio::test]
    async fn first_4_attack_428_a_public_name_that_turns_to_a_private_address_is_not_asked_there() {
        let asker = asking::asker(None).unwrap();
        let clock = SystemClock::start();
        let of = Outside {
            url: "http://127.0.0.1:9/mcp",
            asker: &asker,
            issuer_asker: &|_: &str| asker.clone(),
            token: None,
            origin: None,
            clock: &clock,
            has_public_rules: false,
            is_of_file: false,
            rule: AddressRule::PublicOnly,
            accepted: Accepted::default(),
        };
        let fault = of.ask(of.first_question()).await.unwrap_err();
        assert_eq!(fault.kind, AskFaultKind::Dial(DialFaultKind::Address));
    }

    #[test]
    fn first_4_attack_445_a_public_server_is_asked_where_it_answered_and_ones_own_at_all_its_addresses() {
        let place = |url: &str, is_of_file, address: Option<&str>| {
            let first = WebAnswer {
                status: http::StatusCode::UNAUTHORIZED,
                fields: http::HeaderMap::new(),
                body: Bytes::new(),
                is_whole: true,
                head_after: Duration::ZERO,
                certificate: None,
                address: address.map(|address| address.parse().unwrap()),
            };
            with_each(url, |of| Outside { is_of_file, ..of }.public_place(&first))
        };
        let found = place("https://mcp.example.com/mcp", false, Some("93.184.216.34")).unwrap();
        assert_eq!((&*found.public.host, found.url().as_str()), ("mcp.example.com", "https://93.184.216.34:443"));
        let found = place("http://mcp.example.com:8080/mcp", false, Some("2606:4700::1111")).unwrap();
        assert_eq!((found.public.port, found.url().as_str()), (8_080, "http://[2606:4700::1111]:8080"));
        for (is_of_file, address) in [(true, Some("93.184.216.34")), (false, Some("10.0.0.5")), (false, None)] {
            assert_eq!(place("https://mcp.example.com/mcp", is_of_file, address), None, "{is_of_file} {address:?}");
        }
    }
}
