//! Checks that no document, entry of `paths` or probe takes a path that has another use.

use crate::{
    base::{names::is_loopback_name, percent::unescape},
    config::{
        check::sections::Sections,
        documents::WrittenDocument,
        embedded::WrittenEmbedded,
        place::{Place, Written},
        problem::quoted,
        reading::{Reading, WrittenFinding},
        server::WrittenServer,
    },
    decide::{
        mcp::answer::server_origin::ServerOrigin,
        pass_through::{PathAccess, PathEntry},
        routing::{Owner, Route, RouteEntry, Routes},
    },
    outbound::upstream::UpstreamSettings,
};

/// Below these paths, clients look for the metadata of servers and issuers.
const WELL_KNOWN: [&str; 3] = [
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
];

/// Checks each document and each entry of `paths`.
pub(super) fn check(reading: &Reading<'_>, sections: &Sections<'_>) {
    for (index, server) in sections.servers.iter().enumerate() {
        let earlier = sections.servers.get(..index).unwrap_or_default();
        for entry in &server.paths {
            is_of_one_server(reading, entry, earlier);
            misses_mcp(reading, sections, server, entry);
            who_writes(reading, server, entry);
        }
    }
    let Some(own) = OwnPaths::of(sections) else { return };
    for document in sections.documents {
        document_is_free(reading, &own, document);
    }
    for health in sections.listeners.iter().filter_map(|listener| listener.health.as_ref()) {
        health_is_free(reading, &own, sections, health);
    }
    for entry in sections.servers.iter().flat_map(|server| &server.paths) {
        if let Some(Taken { words, by }) = own.covered_by(&entry.value) {
            let found = format!("{}, which covers {words}", entry.value.pattern.as_str());
            refuse(reading, &entry.place, &found, "paths that the gateway does not answer itself", by);
        }
    }
}

/// The answer to a probe replaces any other at its path: a monitor of the MCP server would see it
/// healthy for ever.
fn health_is_free(reading: &Reading<'_>, own: &OwnPaths<'_>, sections: &Sections<'_>, health: &Written<Box<str>>) {
    let path = &*health.value;
    let mut documents = sections.documents.iter();
    let mut entries = sections.servers.iter().flat_map(|server| &server.paths);
    let (taken, by) = if let Some(owner) = own.owner_of(path) {
        ("which the gateway answers already".to_owned(), owner.by)
    } else if let Some(document) =
        documents.find(|document| document.settings.as_ref().is_some_and(|of| *of.path == *path))
    {
        ("which is one of `documents`".to_owned(), Some(&document.place))
    } else if let Some(entry) = entries.find(|entry| entry.value.pattern.matches(path)) {
        (format!("which {} matches ({})", entry.value.pattern.as_str(), entry.place.key), Some(&entry.place))
    } else {
        return;
    };
    let found = format!("{}, {taken}", quoted(path));
    refuse(reading, &health.place, &found, "a path of its own, such as /healthz", by);
}

/// A problem, with the place of what has the path already.
fn refuse(reading: &Reading<'_>, place: &Place, found: &str, expected: &str, by: Option<&Place>) {
    let finding = WrittenFinding::new(place, found, expected);
    reading.refuse(match by {
        Some(other) => finding.see(other),
        None => finding,
    });
}

/// Warns of a public path that clients may write to.
fn who_writes(reading: &Reading<'_>, server: &WrittenServer, entry: &Written<PathEntry>) {
    let PathEntry { pattern, access, methods } = &entry.value;
    if *access != PathAccess::Public || !methods.write() {
        return;
    }
    let found = format!("{} open to anyone for {}", pattern.as_str(), methods.allow().trim_end_matches(", OPTIONS"));
    let has_credential = server.settings.as_ref().is_some_and(|settings| settings.credential.is_ours());
    let expected = match has_credential {
        true => {
            "`methods: [GET]` for `access: public`: requests without a token carry the `credential` of the gateway as well, \
             so anyone can write with its rights"
        }
        false => "`methods: [GET]` for `access: public`, unless the server itself checks who writes",
    };
    reading.warning(&entry.place, &found, expected);
}

/// The place of a pattern would not say which server gets a request.
fn is_of_one_server(reading: &Reading<'_>, entry: &Written<PathEntry>, earlier: &[WrittenServer]) {
    let overlaps = |other: &&Written<PathEntry>| other.value.pattern.overlaps(&entry.value.pattern, false);
    if let Some(other) = earlier.iter().flat_map(|server| &server.paths).find(overlaps) {
        let pattern = entry.value.pattern.as_str();
        let found = format!("{pattern}, which overlaps {} ({})", other.value.pattern.as_str(), other.place.key);
        reading.problem_see(&entry.place, &found, "paths of one server alone", &other.place);
    }
}

/// A request that reached an MCP endpoint through `paths` would be judged by no rule. Servers
/// ignore case and a slash at the end, and some answer at every path below their endpoint (attack
/// 268).
fn misses_mcp(reading: &Reading<'_>, sections: &Sections<'_>, server: &WrittenServer, entry: &Written<PathEntry>) {
    let Some(own) = &server.settings else { return };
    let PathEntry { pattern, methods, .. } = &entry.value;
    for written in sections.servers {
        let Some(other) = &written.settings else { continue };
        let legacy = other.legacy_sse.as_ref().map(|legacy| &legacy.upstream);
        let upstreams = std::iter::once((&other.upstream, &written.upstream));
        for (upstream, at) in upstreams.chain(legacy.map(|legacy| (legacy, &written.legacy_upstream))) {
            let at = at.as_ref().map(|at| &at.place);
            if !is_one_place(upstream, &own.upstream) {
                continue;
            }
            if methods.write() && other.legacy_sse.is_some() {
                let found = format!("{} for {}", pattern.as_str(), methods.allow().trim_end_matches(", OPTIONS"));
                let expected = format!(
                    "`methods: [GET]`: servers.{} has `legacy_sse`, whose server names its message endpoint only when \
                     it runs, and a message there would be judged by no rule",
                    other.name
                );
                refuse(reading, &entry.place, &found, &expected, at);
                return;
            }
            let path = upstream.path_and_query.split('?').next().unwrap_or("/");
            let covers = |path: &str| {
                // Rails and old Spring read a suffix as the wanted format: `/mcp.json` is `/mcp`.
                let writes = || pattern.reaches(path, true) || pattern.covers_with_suffix(path);
                pattern.covers(path, true) || (methods.write() && path != "/" && writes())
            };
            if readings(path).iter().any(|path| covers(path)) {
                let found = format!("{}, which reaches {}", pattern.as_str(), shown(upstream, path));
                let expected = format!(
                    "paths that miss the MCP endpoint of servers.{}: a call there would be judged by no rule",
                    other.name
                );
                refuse(reading, &entry.place, &found, &expected, at);
                return;
            }
        }
    }
}

/// Whether both names may lead to one server: they are equal, an alias says so, or both are names
/// of this machine.
fn is_one_place(one: &UpstreamSettings, other: &UpstreamSettings) -> bool {
    let is_alias = |of: &UpstreamSettings, name: &UpstreamSettings| {
        ServerOrigin::new(name.peer.tls, &name.authority).is_some_and(|origin| of.aliases.contains(&origin))
    };
    let are_here = || is_loopback_name(&one.peer.host) && is_loopback_name(&other.peer.host);
    one.peer == other.peer
        || is_alias(one, other)
        || is_alias(other, one)
        || (one.peer.port == other.peer.port && are_here())
}

/// The path of an upstream as servers may read it: as it is written, and decoded, without empty
/// and dot segments.
fn readings(path: &str) -> [String; 2] {
    let decoded = String::from_utf8_lossy(&unescape(path).collect::<Vec<u8>>()).into_owned();
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    [path.to_owned(), format!("/{}", segments.join("/"))]
}

fn shown(upstream: &UpstreamSettings, path: &str) -> String {
    let scheme = if upstream.peer.tls { "https" } else { "http" };
    format!("{scheme}://{}{path}", upstream.authority)
}

fn document_is_free(reading: &Reading<'_>, own: &OwnPaths<'_>, document: &WrittenDocument) {
    let Some(settings) = &document.settings else { return };
    if let Some(Taken { words, by }) = own.owner_of(&settings.path) {
        refuse(reading, &document.place, &words, "a path that the gateway does not answer itself", by);
    }
}

/// The paths that the gateway answers itself.
struct OwnPaths<'s> {
    routes: Routes,
    /// Key and place of the path of each server, indexed as in `routes`.
    servers: Vec<(String, &'s Place)>,
    /// Path, key and its place of each embedded authorization server, indexed as in `routes`.
    issuers: Vec<(String, &'s str, &'s Place)>,
}

/// What has a path already.
struct Taken<'s> {
    words: String,
    /// Where it is written, if it is.
    by: Option<&'s Place>,
}

impl<'s> OwnPaths<'s> {
    /// `None` if a path is wrong, which is reported elsewhere.
    fn of(sections: &Sections<'s>) -> Option<Self> {
        let (mut entries, mut servers) = (Vec::new(), Vec::new());
        let main = sections.servers.iter().map(|server| (server.path.as_ref(), server.root.is_some(), false));
        let legacy = sections.servers.iter().filter(|server| server.legacy_path.is_some());
        let legacy = legacy.map(|server| (server.legacy_path.as_ref(), false, true));
        for (path, root, legacy) in main.chain(legacy) {
            let path = path?;
            entries.push(RouteEntry { path: &path.value, root, legacy });
            let key = path.place.key.trim_end_matches(".path").trim_end_matches(".legacy_sse").to_owned();
            servers.push((key, &path.place));
        }
        let embedded = sections.issuers.iter().filter_map(|issuer| issuer.embedded.as_ref());
        let issuer = |one: &'s WrittenEmbedded| {
            let path = one.path.as_ref()?;
            Some((path.value.to_string(), one.place.key.as_str(), &path.place))
        };
        let issuers: Vec<_> = embedded.map(issuer).collect::<Option<_>>()?;
        let paths: Vec<&str> = issuers.iter().map(|(path, ..)| path.as_str()).collect();
        let routes = Routes::new(&entries, &paths).ok()?;
        Some(Self { routes, servers, issuers })
    }

    /// What answers at `path`.
    fn owner_of(&self, path: &str) -> Option<Taken<'s>> {
        let is_same = |own: &str| own.trim_end_matches('/') == path.trim_end_matches('/');
        let route = self.routes.all().find(|(own, _)| is_same(own)).map(|(_, route)| self.named(route));
        let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let well_known = || {
            let root = WELL_KNOWN.iter().find(|root| below(root))?;
            Some(Taken { words: format!("a path of {root}, metadata for clients"), by: None })
        };
        let issuer = || {
            let (_, key, at) = self.issuers.iter().find(|(root, ..)| below(root))?;
            Some(Taken { words: format!("a path of {key}"), by: Some(*at) })
        };
        route.or_else(well_known).or_else(issuer)
    }

    /// A path of the gateway that `entry` matches.
    fn covered_by(&self, entry: &PathEntry) -> Option<Taken<'s>> {
        let pattern = &entry.pattern;
        let route = || {
            let mut taken: Vec<(&str, Route)> =
                self.routes.all().filter(|(own, _)| pattern.covers(own, false)).collect();
            taken.sort_unstable_by_key(|(own, _)| *own);
            let (own, route) = taken.first()?;
            let named = self.named(*route);
            Some(Taken { words: format!("{own}, {}", named.words), ..named })
        };
        let well_known = || {
            let root = WELL_KNOWN.iter().find(|root| pattern.reaches(root, false))?;
            Some(Taken { words: (*root).to_owned(), by: None })
        };
        let issuer = || {
            let (root, key, at) = self.issuers.iter().find(|(root, ..)| pattern.reaches(root, false))?;
            Some(Taken { words: format!("{root}, the path of {key}"), by: Some(*at) })
        };
        route().or_else(well_known).or_else(issuer)
    }

    fn named(&self, route: Route) -> Taken<'s> {
        let owner = match route.owner() {
            Some(Owner::Server(index)) => self.servers.get(index).map(|(key, at)| (key.as_str(), *at)),
            Some(Owner::Issuer(index)) => self.issuers.get(index).map(|(_, key, at)| (*key, *at)),
            None => None,
        };
        let words = format!("a path of {}", owner.map_or("the gateway", |(key, _)| key));
        Taken { words, by: owner.map(|(_, at)| at) }
    }
}
