//! Reads `upstream`: where a server's requests are sent, and its timeouts.

use std::{net::IpAddr, path::PathBuf};

use http::HeaderName;

use crate::{
    base::names::ServerName,
    config::{
        keys::{
            limits::CONNECTIONS,
            server::{CONNECT_TIMEOUT, QUERY, RESPONSE_TIMEOUT},
        },
        pem::authorities,
        place::Written,
        problem::quoted,
        reader::{Field, Fields},
        reading::WrittenFinding,
        value::{self, WrittenUrl},
    },
    decide::{
        fields::{crossing, query::QueryRule},
        mcp::answer::server_origin::ServerOrigin,
    },
    outbound::{dial::Peer, upstream::UpstreamSettings},
};

mod client_tls;

/// An upstream as written.
#[derive(Default)]
pub(super) struct WrittenUpstream {
    /// The host and port to dial: known even if another key is wrong.
    pub(super) peer: Option<Written<Peer>>,
    /// The file of the private CA.
    pub(super) ca: Option<PathBuf>,
    /// Headers that pass from clients although they are removed by default.
    pub(super) pass_headers: Vec<Written<HeaderName>>,
    pub(super) settings: Option<UpstreamSettings>,
}

/// `upstream`.
pub(super) fn upstream(field: &Field<'_>, server: Option<&str>) -> WrittenUpstream {
    let mut read = WrittenUpstream::default();
    let settings = field.section("servers.*.upstream", |fields| settings(fields, server, &mut read));
    read.settings = settings;
    read
}

fn settings(fields: &mut Fields<'_>, server: Option<&str>, read: &mut WrittenUpstream) -> Option<UpstreamSettings> {
    let at = fields.need("url", "the URL of the MCP server");
    let url = at.as_ref().and_then(url);
    let ca = fields.get("ca");
    let tls = fields.get("tls");
    read.pass_headers = fields.get("pass_headers").map(|field| pass_headers(&field)).unwrap_or_default();
    let query = fields.get("query").map_or(Some(QueryRule::Forward), |field| query(&field));
    let aliases = fields.get("aliases").map(|field| aliases(&field)).unwrap_or_default();
    let connect_timeout = value::duration(fields, &CONNECT_TIMEOUT);
    let response_timeout = value::duration(fields, &RESPONSE_TIMEOUT);
    read.peer = url.as_ref().zip(at).map(|(url, field)| Written {
        value: Peer { host: url.host.clone(), port: url.port, tls: url.https },
        place: field.place,
    });
    // An empty `tls` says nothing.
    let full = tls.as_ref().filter(|field| !field.is_empty_map());
    for (field, key) in [(ca.as_ref(), "ca"), (full, "tls")] {
        if let Some(field) = field.filter(|_| url.as_ref().is_some_and(|url| !url.https)) {
            field.wrong::<()>(&format!("no `{key}` where the URL is http://, or an https:// URL"));
        }
    }
    let certificates = ca.as_ref().map(authorities);
    let tls = tls.map(|field| client_tls::read(&field, ca.is_some()));
    let (certificates, tls) = (written(certificates)?, written(tls)?);
    let (inside, client_certificate) = tls.map_or((None, None), |tls| (tls.ca, tls.own));
    let certificates = certificates.or(inside).map(|(path, certificates)| {
        read.ca = Some(path);
        certificates
    });
    let url = url?;
    Some(UpstreamSettings {
        server: ServerName::from(server.unwrap_or_default()),
        // `limits.upstream_connections` is read with the other limits.
        connections: CONNECTIONS.default,
        peer: read.peer.as_ref()?.value.clone(),
        authority: url.authority.into(),
        path_and_query: url.path_and_query,
        aliases,
        query: query?,
        ca: certificates,
        client_certificate,
        connect_timeout,
        response_timeout,
    })
}

/// `None` only for a key that is written and wrong.
fn written<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        Some(None) => None,
        Some(some) => Some(some),
        None => Some(None),
    }
}

/// `aliases`: other names of the server.
fn aliases(field: &Field<'_>) -> Vec<ServerOrigin> {
    const EXPECTED: &str = "a scheme, a host and a port such as http://mcp.internal:8000, without a path";
    let items = field.distinct("other names of the server, such as http://mcp.internal:8000").unwrap_or_default();
    let alias = |item: &Field<'_>| {
        let text = item.text(EXPECTED)?;
        match value::url(text) {
            Ok(url) if text.ends_with(url.authority) => ServerOrigin::new(url.https, url.authority),
            Ok(_) => item.wrong(EXPECTED),
            Err(expected) => item.wrong(expected),
        }
    };
    items.iter().filter_map(alias).collect()
}

/// `query`: what happens to the query of a client's URL.
fn query(field: &Field<'_>) -> Option<QueryRule> {
    const EXPECTED: &str = "forward, drop, or a list of the parameters that pass";
    if !field.is_list() {
        return match field.scalar_text() {
            Some("forward") => Some(QueryRule::Forward),
            Some("drop") => Some(QueryRule::Drop),
            _ => field.wrong_word(EXPECTED, QUERY),
        };
    }
    let items = field.full_list("names of parameters, or `drop` in place of the list")?;
    field.distinct("names of parameters")?;
    let name = |item: &Field<'_>| {
        let name = item.text("the name of a parameter, without escapes")?;
        match name.eq_ignore_ascii_case("access_token") {
            true => {
                item.wrong("no access_token: a token in a URL is refused, because proxies log URLs (RFC 6750 §5.3)")
            }
            false => Some(name.into()),
        }
    };
    let names: Vec<Option<Box<str>>> = items.iter().map(name).collect();
    Some(QueryRule::Named(names.into_iter().collect::<Option<_>>()?))
}

/// `pass_headers`: names of headers that are removed by default (attack 190).
fn pass_headers(field: &Field<'_>) -> Vec<Written<HeaderName>> {
    let items = field.distinct("header names").unwrap_or_default();
    items.iter().filter_map(passed).collect()
}

fn passed(item: &Field<'_>) -> Option<Written<HeaderName>> {
    let Ok(name) = HeaderName::try_from(item.text("a header name")?) else {
        return item.wrong("a header name (letters, digits and -)");
    };
    if !crossing::can_be_passed(&name) {
        return item.wrong(
            "a header that is removed because only a proxy could vouch for it: `portcullis explain` lists them; others pass \
             already, or belong to HTTP and the gateway",
        );
    }
    item.reading.warning(
        &item.place,
        &format!("{name}: every client can write it"),
        "a header from which the upstream does not learn who calls",
    );
    Some(Written { value: name, place: item.place.clone() })
}

/// An upstream's URL.
pub(super) fn url<'r>(field: &Field<'r>) -> Option<WrittenUrl<'r>> {
    let text = field.text("a URL such as http://127.0.0.1:8000/mcp")?;
    match value::url(text) {
        Ok(url) => {
            doubt(field, text, &url);
            Some(url)
        }
        Err(expected) => {
            let meant = format!("http://{text}");
            let is_host = !text.contains(['?', '@']) && !text.contains("//") && text.contains(':');
            match is_host && value::url(&meant).is_ok() {
                true => field.wrong_near(expected, &meant),
                false => field.wrong(expected),
            }
        }
    }
}

/// Warns of an address to listen on, and of a scheme that the port is not for.
fn doubt(field: &Field<'_>, text: &str, url: &WrittenUrl<'_>) {
    let found = quoted(text);
    let warn = |expected: &str, meant: Option<String>| {
        field.reading.warn(WrittenFinding::new(&field.place, &found, expected).near(meant));
    };
    let is_plain = !text.contains(['?', '@']);
    if url.host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified()) {
        let meant = text.replacen("0.0.0.0", "127.0.0.1", 1).replacen("[::]", "[::1]", 1);
        let expected = "the address of the server: this one is for listening on every address";
        warn(expected, Some(meant).filter(|_| is_plain));
    } else if !url.https && url.port == 443 {
        let meant = text.replacen("http://", "https://", 1).replacen(":443", "", 1);
        warn("https://, since port 443 is for TLS", Some(meant).filter(|_| is_plain));
    } else if url.https && url.port == 80 {
        let meant = text.replacen("https://", "http://", 1).replacen(":80", "", 1);
        warn("http://, since port 80 is for requests without TLS", Some(meant).filter(|_| is_plain));
    }
}
