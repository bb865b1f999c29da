//! Warns of requests that a setting refuses, with the line to write; a few of each kind are logged.

use std::{net::IpAddr, time::Instant};

use http::{HeaderName, StatusCode};

use crate::{
    base::names::ServerName,
    decide::{
        fields::origin::Sites,
        policy::email,
        refusal::{Refusal, TokenFault},
        token::other_issuer::IssuerMiss,
    },
    observe::observer::Observe,
};

/// How much of a host name is logged.
const NAME_CHARS_MAX: usize = 255;

impl Observe {
    /// An access token of this length is longer than `limits.token` of the server.
    pub fn token_too_large(&self, server: &ServerName, bytes: usize, most: u64) {
        if let Some(left_out) = self.misfits.admit("token", Instant::now()) {
            tracing::warn!(
                %server, bytes, most, left_out,
                "an access token is too large: raise `limits.token` of the server, or have the issuer put fewer values, such as groups, into its tokens"
            );
        }
    }

    /// A request came for a host that is not the gateway's.
    pub fn unknown_host(&self, came: &str, sites: &Sites) {
        if let Some(left_out) = self.misfits.admit("host", Instant::now()) {
            let came: String = came.chars().take(NAME_CHARS_MAX).collect();
            tracing::warn!(
                host = %came, accepted = %sites.names(), left_out,
                "refused a request for a host name that is not one of the gateway's: if clients or probes use it, add it to `hosts`"
            );
        }
    }

    /// A token names another issuer than those of the server. `is_genuine`: the issuer that `miss`
    /// names has signed it. Anyone can send any other token, so its line is not a warning, and does
    /// not use up the line of a genuine one.
    pub fn other_issuer(&self, server: &ServerName, miss: &IssuerMiss<'_>, is_genuine: bool) {
        const REFUSED: &str = "a token was refused, because its iss is not an issuer of this server";
        let Some(left_out) = self.other_issuers.admit((miss.kind(), is_genuine), Instant::now()) else { return };
        let (reason, claim, advice) = (TokenFault::Issuer.reason(), "iss", miss.advice());
        if is_genuine {
            tracing::warn!(%server, reason, claim, advice, left_out, "{REFUSED}");
        } else {
            tracing::info!(
                %server, reason, claim, advice, left_out,
                "{REFUSED}; the token is not verified, and anyone can send such a token: follow the advice only if you know that your issuer makes such tokens"
            );
        }
    }

    /// A request came over TLS that was opened for a name that is not the gateway's.
    pub fn unknown_tls_name(&self, asked: &str, sites: &Sites) {
        if let Some(left_out) = self.misfits.admit("tls", Instant::now()) {
            tracing::warn!(
                tls_name = %asked, accepted = %sites.names(), left_out,
                "refused a request whose TLS handshake asked for a name that is not one of the gateway's: if a proxy in front asks for it, add it to `hosts`, or set the name that the proxy asks for (nginx: `proxy_ssl_name`, haproxy: `sni`)"
            );
        }
    }

    /// A page of another origin called a server, and was refused.
    pub fn foreign_origin(&self, server: &ServerName, refusal: &Refusal) {
        let is_null = *refusal == Refusal::NullOrigin;
        let (kind, origin) = match refusal {
            Refusal::ForeignOrigin(origin) => ("origin", &**origin),
            Refusal::NullOrigin => ("null", "null"),
            _ => return,
        };
        let Some(left_out) = self.misfits.admit(kind, Instant::now()) else { return };
        if is_null {
            return tracing::warn!(
                %server, origin, left_out,
                "refused a browser page without an origin of its own, such as a local file or a sandboxed frame: if it is your own page, serve it from a web server and allow that origin; `null` would allow every web page"
            );
        }
        let line = format!("allowed_origins: [\"{origin}\"]");
        tracing::warn!(
            %server, origin, line, left_out,
            "refused a browser page of another origin: if it is your own page, add the line to the server"
        );
    }

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
