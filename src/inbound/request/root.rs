//! What the root says to clients of 2025-03-26, which look only there: metadata, and `/register`.

use crate::{
    authorization_server::settings::Dynamic,
    decide::{
        resource_server::issuer_metadata,
        routing::{IssuerEndpoint, Route, is_issuer_document},
    },
    inbound::{
        request::metadata::told,
        state::server::{Mirror, Snapshot},
    },
};

/// How many authorization servers an answer names.
const NAMED_MAX: usize = 8;

/// The metadata that a path without a route answers all the same: no server has the documents of
/// the root, and all servers have the same authorization server.
pub(super) fn mirror<'s>(snapshot: &'s Snapshot, path: &str) -> Option<&'s Mirror> {
    if !is_issuer_document(path) {
        return None;
    }
    match mirrors(snapshot).as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// What a 404 says where such a client looked or guessed; `None` if it can say nothing.
pub(super) fn where_to_go(snapshot: &Snapshot, path: &str) -> Option<String> {
    let about = if is_issuer_document(path) { where_metadata_is(snapshot) } else { where_to_register(snapshot, path) };
    about.map(|about| told("invalid_request", &about))
}

fn where_metadata_is(snapshot: &Snapshot) -> Option<String> {
    let all: Vec<String> = mirrors(snapshot).into_iter().filter_map(issuer).take(NAMED_MAX).collect();
    (!all.is_empty()).then(|| {
        format!(
            "the MCP servers of this gateway have several authorization servers: {}; the metadata for one MCP server \
             is at this path followed by the path of that MCP server; for clients that look only here, the operator \
             can choose one MCP server with `root: true`",
            all.join(", ")
        )
    })
}

/// Where clients are registered, for one that asks at `/register`: clients of 2025-03-26 guess this
/// place if they do not find or cannot read the metadata.
fn where_to_register(snapshot: &Snapshot, path: &str) -> Option<String> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let below = path.strip_suffix(IssuerEndpoint::Register.suffix())?;
    let asked = match below {
        "" => snapshot.routes.find("/.well-known/oauth-authorization-server"),
        server => snapshot.routes.find(server),
    };
    match asked {
        Route::IssuerMetadata(server) | Route::Server(server, _) => only(&snapshot.servers.get(server)?.mirror),
        Route::NotFound if below.is_empty() => match mirrors(snapshot).as_slice() {
            [one] => only(one),
            several => {
                let each: Vec<String> = several.iter().filter_map(|one| among(one)).take(NAMED_MAX).collect();
                (!each.is_empty()).then(|| {
                    let each = each.join("; ");
                    format!(
                        "clients are not registered here, but at the authorization server of the MCP server: {each}"
                    )
                })
            }
        },
        _ => None,
    }
}

/// The sentence for the only authorization server; `None` while nothing is known of it.
fn only(mirror: &Mirror) -> Option<String> {
    let issuer = issuer(mirror)?;
    match registration(mirror)? {
        Some(endpoint) => Some(format!(
            "clients are not registered here: the authorization server {issuer} registers them at {endpoint}, the \
             registration_endpoint of its metadata"
        )),
        None => Some(format!(
            "clients are not registered here: the authorization server {issuer} has no registration_endpoint; register \
             the client there by hand, and configure its client_id in the client"
        )),
    }
}

/// The words for one of several authorization servers.
fn among(mirror: &Mirror) -> Option<String> {
    let issuer = issuer(mirror)?;
    Some(match registration(mirror) {
        Some(Some(endpoint)) => format!("{issuer} registers them at {endpoint}"),
        Some(None) => format!("{issuer} has no registration_endpoint, register the client there by hand"),
        None => format!("for {issuer} see registration_endpoint of its metadata"),
    })
}

/// The different authorization servers of all MCP servers, in order. Nothing if a server takes API
/// keys alone: its clients find no metadata of its own, look here, and would sign in for a token
/// that their server refuses.
fn mirrors(snapshot: &Snapshot) -> Vec<&Mirror> {
    if snapshot.servers.iter().any(|server| matches!(server.mirror, Mirror::Nothing)) {
        return Vec::new();
    }
    let mut all: Vec<&Mirror> = Vec::new();
    for mirror in snapshot.servers.iter().map(|server| &server.mirror) {
        if issuer(mirror).is_some_and(|name| all.iter().all(|known| issuer(known).as_ref() != Some(&name))) {
            all.push(mirror);
        }
    }
    all
}

fn issuer(mirror: &Mirror) -> Option<String> {
    match mirror {
        Mirror::Elsewhere(discovery) => Some(discovery.issuer().to_string()),
        Mirror::Inside(embedded) => Some(embedded.settings.issuer.to_string()),
        Mirror::Nothing => None,
    }
}

/// The endpoint for registration, if there is one; `None` if that is not known.
fn registration(mirror: &Mirror) -> Option<Option<String>> {
    match mirror {
        Mirror::Elsewhere(discovery) => {
            let document = discovery.last_good()?;
            let metadata = issuer_metadata::read(&document, discovery.issuer()).ok()?;
            Some(metadata.registration_endpoint)
        }
        Mirror::Inside(embedded) => {
            let registers = embedded.settings.registration.dynamic != Dynamic::Off;
            Some(registers.then(|| embedded.url(IssuerEndpoint::Register)))
        }
        Mirror::Nothing => None,
    }
}
