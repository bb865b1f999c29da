//! Checks that sections of the file fit together.

use std::net::SocketAddr;

use crate::{
    base::names::is_loopback_name,
    config::{
        check::sections::Sections,
        listen::is_one_socket,
        place::Place,
        problem::quoted,
        reading::{Reading, WrittenFinding},
        server::WrittenServer,
    },
    decide::routing::messages_path,
    outbound::dial::Peer,
};

mod acme;
mod audiences;
mod beside;
mod embedded;
mod grantable;
pub(super) mod sections;

/// Runs every check across sections.
pub(super) fn check(reading: &Reading<'_>, sections: &Sections<'_>) {
    admin_has_its_own_address(reading, sections);
    proxies_are_known(reading, sections);
    limits_count_clients(reading, sections);
    paths_are_unique(reading, sections.servers);
    embedded::check(reading, sections);
    one_root_at_most(reading, sections.servers);
    one_root_at_least(reading, sections.servers);
    upstreams_are_elsewhere(reading, sections);
    clients_have_a_way_in(reading, sections);
    one_issuer_introspects(reading, sections);
    audiences::check(reading, sections);
    beside::check(reading, sections);
    acme::check(reading, sections);
    grantable::check(reading, sections);
}

/// Health and metrics must never be served on a public listener.
fn admin_has_its_own_address(reading: &Reading<'_>, sections: &Sections<'_>) {
    let Some(admin) = sections.admin else { return };
    let mut listeners = sections.listeners.iter().filter_map(|listener| listener.address.as_ref());
    let same = listeners.find(|listener| is_one_socket(listener.value, admin.value));
    if let Some(listener) = same {
        let found = match listener.value == admin.value {
            true => format!("{}, which is a public listener's", admin.value),
            false => format!("{}, which is taken by the listener {}", admin.value, listener.value),
        };
        reading.problem_see(&admin.place, &found, "an address of its own", &listener.place);
    }
}

/// Without trusted proxies, a listener with the PROXY protocol would close every connection.
fn proxies_are_known(reading: &Reading<'_>, sections: &Sections<'_>) {
    if sections.has_trusted_proxies {
        return;
    }
    for place in sections.listeners.iter().filter_map(|listener| listener.proxy_protocol.as_ref()) {
        let expected = "`trusted_proxies` at the top level, with the networks of the proxies that send PROXY headers";
        reading.problem(place, "true without `trusted_proxies`", expected);
    }
}

/// Behind a proxy that is not trusted all clients have one address, so that one attacker uses up
/// the logins of all. A public `https` URL without TLS here shows that there is a proxy.
fn limits_count_clients(reading: &Reading<'_>, sections: &Sections<'_>) {
    let is_https = sections.public_url.is_some_and(|url| url.origin().starts_with("https://"));
    // A listener with a mistake may have had TLS.
    let has_tls = sections.listeners.iter().any(|one| one.settings.as_ref().is_none_or(|of| of.tls.is_some()));
    if sections.has_trusted_proxies || !is_https || has_tls || sections.listeners.is_empty() {
        return;
    }
    if let Some(embedded) = sections.issuers.iter().find_map(|issuer| issuer.embedded.as_ref()) {
        let expected = "`trusted_proxies` at the top level, with the network of the proxy that terminates TLS for public_url: \
                        without it all users share the proxy's address, and one attacker can use up the logins of all";
        reading.warning(&embedded.place, "limits by address, without `trusted_proxies`", expected);
    }
}

/// With and without a slash at its end, a path leads to one server, so two servers cannot differ
/// only so.
fn paths_are_unique(reading: &Reading<'_>, servers: &[WrittenServer]) {
    let mut paths: Vec<(String, &Place, bool)> = Vec::new();
    for server in servers {
        paths.extend(server.path.iter().map(|path| (path.value.to_string(), &path.place, false)));
        if let Some(path) = &server.legacy_path {
            paths.push((path.value.to_string(), &path.place, false));
            paths.push((messages_path(&path.value), &path.place, true));
        }
    }
    for (index, (path, place, for_messages)) in paths.iter().enumerate() {
        let same = |other: &&(String, &Place, bool)| other.0.trim_end_matches('/') == path.trim_end_matches('/');
        let Some((spelled, others_place, others_messages)) = paths.iter().take(index).find(same) else {
            continue;
        };
        let other = others_place.key.trim_end_matches(".path");
        let found = match (for_messages, others_messages) {
            (false, false) if spelled != path => {
                format!("the path of {other} but for the slash at its end, which makes no difference")
            }
            (false, false) => format!("the path of {other}"),
            (false, true) => format!("the message path of {other}"),
            (true, false) => format!("a path whose message path is the path of {other}"),
            // The paths themselves are equal, which is reported already.
            (true, true) => continue,
        };
        reading.problem_see(place, &found, "each path once", others_place);
    }
}

/// An opaque token does not say whose it is, and is never tried at one issuer after another.
fn one_issuer_introspects(reading: &Reading<'_>, sections: &Sections<'_>) {
    for server in sections.servers {
        let Some(settings) = &server.settings else { continue };
        let issuers = settings.authorization_servers.iter().filter_map(|index| sections.issuers.get(*index));
        let mut introspecting = issuers.filter(|issuer| issuer.introspection.place.is_some());
        let (first, second) = (introspecting.next(), introspecting.next());
        let place = server.path.as_ref().map(|path| &path.place);
        if let (Some(first), Some(second), Some(path)) = (first, second, place) {
            let key = path.key.replace(".path", ".authorization_servers");
            let place = &Place::new(path.at, &key);
            let found = format!("two with `introspection`: {} and {}", quoted(&first.name), quoted(&second.name));
            let expected = "at most one: an opaque token does not say which of them issued it";
            let finding = WrittenFinding::new(place, &found, expected);
            reading.refuse(match &second.introspection.place {
                Some(other) => finding.see(other),
                None => finding,
            });
        }
    }
}

/// A server without an authorization server takes API keys alone.
fn clients_have_a_way_in(reading: &Reading<'_>, sections: &Sections<'_>) {
    if sections.has_api_keys {
        return;
    }
    for place in sections.servers.iter().filter_map(|server| server.no_authorization_server.as_ref()) {
        let expected =
            "at least one authorization server, or `keys` at the top level for a server that takes API keys alone";
        reading.problem(place, "an empty list", expected);
    }
}

fn one_root_at_most(reading: &Reading<'_>, servers: &[WrittenServer]) {
    let mut roots = servers.iter().filter_map(|server| server.root.as_ref());
    let Some(first) = roots.next() else { return };
    for root in roots {
        reading.problem_see(root, "root: true a second time", "`root: true` on at most one server", first);
    }
}

/// Clients of MCP 2025-03-26 read only the documents of the host. `root: false` says that this is
/// meant.
fn one_root_at_least(reading: &Reading<'_>, servers: &[WrittenServer]) {
    let is_root =
        |server: &WrittenServer| server.says_root || server.path.as_ref().is_some_and(|path| &*path.value == "/");
    if servers.len() < 2 || servers.iter().any(is_root) {
        return;
    }
    let paths = servers.iter().filter_map(|server| server.path.as_ref()).map(|path| &path.place);
    if let Some(place) = paths.min_by_key(|place| place.at) {
        let found = format!("{} servers, and none with `root`", servers.len());
        let expected = "`root: true` at one of them, if clients of MCP 2025-03-26 connect: they read only the documents at the \
                        root of the host; `root: false` says that none do";
        reading.note(&Place::new(place.at, "servers"), &found, expected);
    }
}

/// An upstream that is the gateway itself would make each request a loop.
fn upstreams_are_elsewhere(reading: &Reading<'_>, sections: &Sections<'_>) {
    let is_public = |peer: &Peer| {
        sections.public_url.is_some_and(|url| {
            url.port() == peer.port && url.host().trim_matches(['[', ']']).eq_ignore_ascii_case(&peer.host)
        })
    };
    for upstream in sections.servers.iter().flat_map(|server| server.upstream.iter().chain(&server.legacy_upstream)) {
        let mut listeners = sections.listeners.iter().filter_map(|listener| listener.address.as_ref());
        let found = format!("{}:{}, which is this gateway", upstream.value.host, upstream.value.port);
        let finding = WrittenFinding::new(&upstream.place, &found, "the address of the MCP server itself");
        if let Some(listener) = listeners.find(|listener| is_listener(&upstream.value, listener.value)) {
            reading.refuse(finding.see(&listener.place));
        } else if is_public(&upstream.value) {
            reading.refuse(finding);
        }
    }
}

fn is_listener(peer: &Peer, listener: SocketAddr) -> bool {
    let same_host = match peer.host.parse::<std::net::IpAddr>() {
        Ok(address) if listener.ip().is_unspecified() => address.is_loopback() || address.is_unspecified(),
        Ok(address) => address == listener.ip(),
        Err(_) => is_loopback_name(&peer.host) && (listener.ip().is_unspecified() || listener.ip().is_loopback()),
    };
    listener.port() != 0 && listener.port() == peer.port && same_host
}
