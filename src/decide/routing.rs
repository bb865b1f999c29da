//! Maps a path to a server or a document: exact, on the raw bytes (SPEC F-20).

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
};

const RESOURCE: &str = "/.well-known/oauth-protected-resource";
const ISSUER: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

pub mod nearest;
#[cfg(test)]
mod tests;

/// One server, as far as paths go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteEntry<'a> {
    /// Its public path.
    pub path: &'a str,
    /// Whether the documents at the root are about this server, if there are several servers.
    pub root: bool,
    /// Whether the path is the event stream of 2024-11-05, whose messages come to a path below it.
    /// The documents at the root are never about it.
    pub legacy: bool,
}

/// How a request spells the path of a server. A URL that a person types or a framework writes may
/// have a slash at its end or not, and a client compares what it finds with what it asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// As the configuration spells it.
    #[default]
    Configured,
    /// With the slash at its end added or removed.
    Other,
}

/// The meaning of a path. Servers are numbered in the given order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// A server's endpoint.
    Server(usize, Ending),
    /// The message endpoint of an event stream of 2024-11-05.
    Messages(usize),
    /// The protected resource metadata of a server.
    ResourceMetadata(usize, Ending),
    /// The metadata of a server's issuer.
    IssuerMetadata(usize),
    /// An endpoint of an embedded authorization server.
    Issuer(usize, IssuerEndpoint),
    /// No such path.
    NotFound,
}

/// An endpoint of an embedded authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IssuerEndpoint {
    /// RFC 8414 and OpenID Connect discovery.
    Metadata,
    /// Its key set.
    Jwks,
    /// The authorization endpoint, to which a client sends its user.
    Authorize,
    /// The login form.
    Login,
    /// The consent form.
    Consent,
    /// The callback, to which the upstream IdP sends the user back.
    Callback,
    /// RFC 6749 §3.2.
    Token,
    /// RFC 7591.
    Register,
    /// RFC 7009.
    Revoke,
    /// RFC 7662.
    Introspect,
}

impl IssuerEndpoint {
    /// The endpoints below the issuer's path.
    pub const BELOW: [Self; 9] = [
        Self::Jwks,
        Self::Authorize,
        Self::Login,
        Self::Consent,
        Self::Callback,
        Self::Token,
        Self::Register,
        Self::Revoke,
        Self::Introspect,
    ];

    /// The endpoints that are also at the root, if there is only one embedded authorization server
    /// (SPEC E-08).
    pub const AT_THE_ROOT: [Self; 3] = [Self::Authorize, Self::Token, Self::Register];

    /// The path after the issuer's path.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Metadata => "/.well-known/oauth-authorization-server",
            Self::Jwks => "/jwks",
            Self::Authorize => "/authorize",
            Self::Login => "/login",
            Self::Consent => "/consent",
            Self::Callback => "/callback",
            Self::Token => "/token",
            Self::Register => "/register",
            Self::Revoke => "/revoke",
            Self::Introspect => "/introspect",
        }
    }
}

/// The owner of a path. Servers and issuers are numbered in the given order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A server.
    Server(usize),
    /// An embedded authorization server.
    Issuer(usize),
}

/// Why the routes cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteFault {
    /// A path that [`is_plain_path`] refuses, or `/` for an issuer.
    Path {
        /// The owner of the path.
        of: Owner,
    },
    /// Two entries have one path: the same endpoint, or the documents at the root.
    Taken {
        /// The path.
        path: Box<str>,
        /// The first owner.
        by: Option<Owner>,
        /// The second owner.
        of: Option<Owner>,
    },
}

/// Every path that the gateway answers.
///
/// Upstream frameworks ignore case, decode `%6d`, accept an extra slash or cut at `;`. A route that
/// did the same would have names that no operator wrote; so a path must be one of these byte
/// strings. A slash at the end is the only other spelling of a server, and a path of its own here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    paths: HashMap<Box<str>, Route>,
}

impl Routes {
    /// Lists every path of the servers, and of the embedded authorization servers at the paths in
    /// `issuers`.
    ///
    /// # Errors
    /// [`RouteFault`].
    pub fn new(servers: &[RouteEntry<'_>], issuers: &[&str]) -> Result<Self, RouteFault> {
        let mut routes = Self { paths: HashMap::new() };
        let is_alone = servers.iter().filter(|entry| !entry.legacy).count() == 1;
        for (server, entry) in servers.iter().enumerate() {
            if !is_server_path(entry.path) {
                return Err(RouteFault::Path { of: Owner::Server(server) });
            }
            routes.add_server(server, entry.path, Ending::Configured)?;
            if let Some(other) = other_ending(entry.path) {
                routes.add_server(server, &other, Ending::Other)?;
            }
            if entry.legacy {
                routes.add(messages_path(entry.path), Route::Messages(server))?;
            }
            for document in ISSUER {
                routes.add(format!("{}{document}", entry.path.trim_end_matches('/')), Route::IssuerMetadata(server))?;
            }
            if !entry.legacy && (entry.root || is_alone) {
                routes.add(RESOURCE.to_owned(), Route::ResourceMetadata(server, Ending::Configured))?;
                for document in ISSUER {
                    routes.add(document.to_owned(), Route::IssuerMetadata(server))?;
                }
            }
        }
        for (issuer, path) in issuers.iter().enumerate() {
            routes.add_issuer(issuer, path)?;
        }
        if issuers.len() == 1 {
            // Clients of 2025-03-26 that find no metadata ask here (SPEC E-08). A path that is
            // already in use stays as it is.
            for endpoint in IssuerEndpoint::AT_THE_ROOT {
                routes.paths.entry(endpoint.suffix().into()).or_insert(Route::Issuer(0, endpoint));
            }
        }
        Ok(routes)
    }

    fn add_server(&mut self, server: usize, path: &str, ending: Ending) -> Result<(), RouteFault> {
        self.add(path.to_owned(), Route::Server(server, ending))?;
        // RFC 9728 §3.1: a slash directly after the host is removed before the insertion.
        let path = if path == "/" { "" } else { path };
        // Inserted, never appended: RFC 9728 does not define `{path}/.well-known/…` (SPEC A-02).
        self.add(format!("{RESOURCE}{path}"), Route::ResourceMetadata(server, ending))?;
        for document in ISSUER {
            self.add(format!("{document}{path}"), Route::IssuerMetadata(server))?;
        }
        Ok(())
    }

    /// Removes the documents of a server, which has no authorization server: there is nothing to
    /// discover.
    pub fn remove_documents(&mut self, server: usize) {
        self.paths.retain(
            |_, route| !matches!(route, Route::ResourceMetadata(of, _) | Route::IssuerMetadata(of) if *of == server),
        );
    }

    fn add_issuer(&mut self, issuer: usize, path: &str) -> Result<(), RouteFault> {
        if path == "/" || !is_plain_path(path) {
            return Err(RouteFault::Path { of: Owner::Issuer(issuer) });
        }
        for document in ISSUER {
            // RFC 8414 §3.1 inserts, OpenID Connect discovery appends, and clients try all four
            // (SPEC E-01).
            self.add(format!("{document}{path}"), Route::Issuer(issuer, IssuerEndpoint::Metadata))?;
            self.add(format!("{path}{document}"), Route::Issuer(issuer, IssuerEndpoint::Metadata))?;
        }
        for endpoint in IssuerEndpoint::BELOW {
            self.add(format!("{path}{}", endpoint.suffix()), Route::Issuer(issuer, endpoint))?;
        }
        Ok(())
    }

    /// The route of `raw_path`, which has no query and is not decoded.
    #[must_use]
    pub fn find(&self, raw_path: &str) -> Route {
        self.paths.get(raw_path).copied().unwrap_or(Route::NotFound)
    }

    /// Whether the gateway answers at `raw_path`.
    #[must_use]
    pub fn has(&self, raw_path: &str) -> bool {
        self.paths.contains_key(raw_path)
    }

    /// Every path with its route, in no order.
    pub fn all(&self) -> impl Iterator<Item = (&str, Route)> {
        self.paths.iter().map(|(path, route)| (&**path, *route))
    }

    fn add(&mut self, path: String, route: Route) -> Result<(), RouteFault> {
        match self.paths.entry(path.into()) {
            Entry::Vacant(free) => {
                free.insert(route);
                Ok(())
            }
            // A server may add the same document in several ways.
            Entry::Occupied(taken) if *taken.get() == route => Ok(()),
            Entry::Occupied(taken) => {
                Err(RouteFault::Taken { path: taken.key().clone(), by: taken.get().owner(), of: route.owner() })
            }
        }
    }
}

impl Route {
    /// The server of this route.
    #[must_use]
    pub fn server(self) -> Option<usize> {
        match self {
            Self::Server(server, _)
            | Self::Messages(server)
            | Self::ResourceMetadata(server, _)
            | Self::IssuerMetadata(server) => Some(server),
            Self::Issuer(..) | Self::NotFound => None,
        }
    }

    /// The owner of this route.
    #[must_use]
    pub fn owner(self) -> Option<Owner> {
        match self {
            Self::Issuer(issuer, _) => Some(Owner::Issuer(issuer)),
            route => route.server().map(Owner::Server),
        }
    }
}

/// Whether `path` is a document of an issuer at the root.
#[must_use]
pub fn is_issuer_document(path: &str) -> bool {
    ISSUER.contains(&path)
}

/// The path for messages of the event stream at `path`.
#[must_use]
pub fn messages_path(path: &str) -> String {
    format!("{}/messages", path.trim_end_matches('/'))
}

/// The path of a server, spelled with or without the slash at its end; `None` for `/`, which no
/// request can spell in another way.
#[must_use]
pub fn other_ending(path: &str) -> Option<Cow<'_, str>> {
    match path.strip_suffix('/') {
        Some("") => None,
        Some(without) => Some(Cow::Borrowed(without)),
        None => Some(Cow::Owned(format!("{path}/"))),
    }
}

/// Whether a server may have this path: [`is_plain_path`], perhaps with a slash at its end.
#[must_use]
pub fn is_server_path(path: &str) -> bool {
    let without = path.strip_suffix('/').unwrap_or(path);
    path == "/" || (without != "/" && is_plain_path(without))
}

/// Whether a configured path has one spelling: `/`, or segments of unreserved characters and a few
/// more. No segment is empty or only dots; there is no slash at the end; the path is not under
/// `/.well-known/`.
#[must_use]
pub fn is_plain_path(path: &str) -> bool {
    let Some(segments) = path.strip_prefix('/') else {
        return false;
    };
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@' | b':' | b'+');
    path == "/"
        || segments
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | ".." | ".well-known") && segment.bytes().all(is_plain))
}
