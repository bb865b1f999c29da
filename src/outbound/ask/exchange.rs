//! One question to a web server, and its answer: plain data.

use std::{net::IpAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::LOCATION};
use tokio::time::Instant;

use super::peer_certificate::PeerCertificate;
use crate::{
    base::limits::fetch::{ASK_BYTES_MAX, ASK_TIMEOUT},
    outbound::address::AddressRule,
};

/// One question.
#[derive(Clone, Debug)]
pub struct WebQuestion<'a> {
    /// The method.
    pub method: Method,
    /// An `http://` or `https://` URL.
    pub url: &'a str,
    /// All fields, but `Host` and `Content-Length`.
    pub fields: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Which addresses the host may lead to.
    pub rule: AddressRule,
    /// How long the whole exchange may take.
    pub within: Duration,
    /// What makes the body long enough, if it is an event stream that goes on.
    pub enough: Option<fn(&[u8]) -> bool>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct WebAnswer {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub fields: HeaderMap,
    /// The first bytes of the body, at most [`ASK_BYTES_MAX`].
    pub body: Bytes,
    /// Whether `body` is all of it.
    pub is_whole: bool,
    /// How long the head took, from the name look-up on.
    pub head_after: Duration,
    /// The server's certificate.
    pub certificate: Option<PeerCertificate>,
    /// The address that answered; `None` through a forward proxy.
    pub address: Option<IpAddr>,
}

impl<'a> WebQuestion<'a> {
    /// A question without fields and body.
    #[must_use]
    pub fn new(method: Method, url: &'a str) -> Self {
        let (fields, body, rule) = (HeaderMap::new(), Bytes::new(), AddressRule::Configured);
        Self { method, url, fields, body, rule, within: ASK_TIMEOUT, enough: None }
    }

    /// The same with one more field.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.insert(name, value);
        self
    }
}

impl WebAnswer {
    /// Where a redirect leads, as written.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.text(&LOCATION).filter(|_| self.status.is_redirection())
    }

    /// The text of a field.
    #[must_use]
    pub fn text(&self, name: &HeaderName) -> Option<&str> {
        self.fields.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The part of an answer that has come.
pub(super) struct AnswerPart {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) body: BytesMut,
    pub(super) is_whole: bool,
    pub(super) head_at: Instant,
    pub(super) address: Option<IpAddr>,
}

impl AnswerPart {
    /// Takes the next bytes; `false` if no more are wanted.
    pub(super) fn push(&mut self, data: &[u8], enough: Option<fn(&[u8]) -> bool>) -> bool {
        let room = ASK_BYTES_MAX.saturating_sub(self.body.len());
        self.body.extend_from_slice(data.get(..room).unwrap_or(data));
        data.len() <= room && !enough.is_some_and(|enough| enough(&self.body))
    }

    pub(super) fn answer(self, certificate: Option<PeerCertificate>, begin: Instant) -> WebAnswer {
        let Self { status, fields, body, is_whole, head_at, address } = self;
        let head_after = head_at.saturating_duration_since(begin);
        WebAnswer { status, fields, body: body.freeze(), is_whole, head_after, certificate, address }
    }
}
