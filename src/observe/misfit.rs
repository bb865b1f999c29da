//! Warns of requests that a setting refuses, with the line to write; a few of each kind are logged.

use std::{net::IpAddr, time::Instant};

use http::{HeaderName, StatusCode};

use crate::{base::names::ServerName, decide::policy::email, observe::observer::Observe};

impl Observe {
    /// Clients without a token have used up what `limit` leaves to them, or to those at `peer`.
    pub fn no_room_without_token(&self, server: &ServerName, peer: IpAddr, limit: &'static str) {
        if let Some(left_out) = self.misfits.admit(limit, Instant::now()) {
            tracing::warn!(
                %server, %peer, limit = format_args!("limits.{limit}"), left_out,
                "no room for a request without a token: its client is told to sign in (401); each address has a part of the limit, so if clients come through a proxy, list it in `trusted_proxies`"
            );
        }
    }

    /// The upstream refused a request whose identity headers are long. First the longest field and
    /// its claim, then the bytes of this field and of all such fields.
    pub fn long_fields(
        &self,
        server: &ServerName,
        status: StatusCode,
        (header, claim): (&HeaderName, &str),
        (bytes, bytes_of_all): (usize, usize),
    ) {
        if let Some(left_out) = self.misfits.admit("identity", Instant::now()) {
            tracing::warn!(
                %server, status = status.as_u16(), %header, claim, bytes, bytes_of_all, left_out,
                "the MCP server refused a request, perhaps because the fields of `identity_headers` are too long for it: raise its limit on header fields (Node: --max-http-header-size, gunicorn: --limit-request-field_size, nginx: large_client_header_buffers), or pass a shorter claim"
            );
        }
    }

    /// A rule refuses a caller, or hides an item of a list, only because the token calls its
    /// `email` unverified. To the client this looks like another address.
    pub fn email_unverified(&self, server: &ServerName, rule: usize) {
        if let Some(left_out) = self.emails.admit("rule", Instant::now()) {
            tracing::warn!(
                %server, rule, claim = email::VERIFIED, advice = email::ADVICE, left_out,
                "a rule wants an email that the caller has, but the token calls it unverified: calls are refused, and lists leave out what the rule is about"
            );
        }
    }

    /// An identity header is left out, because the token calls its `email` unverified.
    pub fn email_not_sent(&self, server: &ServerName, header: &HeaderName) {
        if let Some(left_out) = self.emails.admit("header", Instant::now()) {
            tracing::warn!(
                %server, %header, claim = email::VERIFIED, advice = email::ADVICE, left_out,
                "the MCP server gets a request without a header of `identity_headers`, because the token calls its email unverified"
            );
        }
    }

    /// The head of a request is larger than the longest `limits.token` leaves room for.
    pub fn head_too_large(&self) {
        if let Some(left_out) = self.misfits.admit("head", Instant::now()) {
            tracing::warn!(
                left_out,
                "the header fields of a request are too many or too large; if they hold an access token, raise `limits.token` of its server"
            );
        }
    }
}
