//! Checks that no document covers a path of the gateway itself.

use crate::{
    config::{check::sections::Sections, documents::WrittenDocument, reading::Reading},
    decide::routing::{Owner, Route, RouteEntry, Routes},
};

/// Below these paths, clients look for the metadata of servers and issuers.
const WELL_KNOWN: [&str; 3] = [
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
];

/// Checks each document.
pub(super) fn check(reading: &Reading<'_>, sections: &Sections<'_>) {
    let Some(own) = OwnPaths::of(sections) else { return };
    for document in sections.documents {
        document_is_free(reading, &own, document);
    }
}

fn document_is_free(reading: &Reading<'_>, own: &OwnPaths, document: &WrittenDocument) {
    let Some(settings) = &document.settings else { return };
    if let Some(taken) = own.owner_of(&settings.path) {
        reading.problem(&document.place, &taken, "a path that the gateway does not answer itself");
    }
}

/// The paths that the gateway answers itself.
struct OwnPaths {
    routes: Routes,
    /// The key of each server, indexed as in `routes`.
    servers: Vec<String>,
    /// Path and key of each embedded authorization server, indexed as in `routes`.
    issuers: Vec<(String, String)>,
}

impl OwnPaths {
    /// `None` if a path is wrong, which is reported elsewhere.
    fn of(sections: &Sections<'_>) -> Option<Self> {
        let (mut entries, mut servers) = (Vec::new(), Vec::new());
        let main = sections.servers.iter().map(|server| (server.path.as_ref(), server.root.is_some(), false));
        let legacy = sections.servers.iter().filter(|server| server.legacy_path.is_some());
        let legacy = legacy.map(|server| (server.legacy_path.as_ref(), false, true));
        for (path, root, legacy) in main.chain(legacy) {
            let path = path?;
            entries.push(RouteEntry { path: &path.value, root, legacy });
            servers.push(path.place.key.trim_end_matches(".path").trim_end_matches(".legacy_sse").to_owned());
        }
        let embedded = sections.issuers.iter().filter_map(|issuer| issuer.embedded.as_ref());
        let issuers: Option<Vec<(String, String)>> =
            embedded.map(|one| Some((one.path.as_ref()?.value.to_string(), one.place.key.clone()))).collect();
        let issuers = issuers?;
        let paths: Vec<&str> = issuers.iter().map(|(path, _)| path.as_str()).collect();
        let routes = Routes::new(&entries, &paths).ok()?;
        Some(Self { routes, servers, issuers })
    }

    /// What answers at `path`, in words.
    fn owner_of(&self, path: &str) -> Option<String> {
        let is_same = |own: &str| own.trim_end_matches('/') == path.trim_end_matches('/');
        let route = self.routes.all().find(|(own, _)| is_same(own)).map(|(_, route)| self.named(route));
        let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let well_known =
            || WELL_KNOWN.iter().find(|root| below(root)).map(|root| format!("a path of {root}, metadata for clients"));
        let issuer = || self.issuers.iter().find(|(root, _)| below(root)).map(|(_, key)| format!("a path of {key}"));
        route.or_else(well_known).or_else(issuer)
    }

    fn named(&self, route: Route) -> String {
        let key = match route.owner() {
            Some(Owner::Server(index)) => self.servers.get(index).map(String::as_str),
            Some(Owner::Issuer(index)) => self.issuers.get(index).map(|(_, key)| key.as_str()),
            None => None,
        };
        format!("a path of {}", key.unwrap_or("the gateway"))
    }
}
