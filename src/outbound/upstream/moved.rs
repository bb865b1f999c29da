//! Where an upstream has redirected: to its path with or without a final slash.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arc_swap::ArcSwapOption;
use http::{
    HeaderMap, StatusCode,
    header::LOCATION,
    uri::{PathAndQuery, Scheme},
};

use super::settings::UpstreamSettings;
use crate::{
    base::names::PublicUrl,
    decide::mcp::answer::{message_endpoint::Base, moved, server_origin::ServerOrigin},
};

/// The names of an upstream, and the target to which it has redirected.
pub(super) struct Moved {
    names: Vec<ServerOrigin>,
    told_as: Option<PublicUrl>,
    /// Path and configured query.
    target: ArcSwapOption<PathAndQuery>,
    /// Changes when `target` does.
    epoch: AtomicU32,
    /// Whether a connection has redirected that had answered before.
    is_distrusted: AtomicBool,
    /// The target that the log has named last.
    logged: ArcSwapOption<PathAndQuery>,
}

/// The epoch of no connection: requests are always copied.
pub(super) const NEVER: u32 = 0;

/// Whether an answer may mean that nothing is at the target any more.
pub(super) fn is_absent(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE)
}

/// Whether an answer says that the request was not processed, and belongs elsewhere as it is.
pub(super) fn is_moved(status: StatusCode) -> bool {
    matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
}

impl Moved {
    /// The upstream's own name, its aliases, and the names that it learns from `X-Forwarded-Host`
    /// and `X-Forwarded-Proto`: many servers write them into their URLs. Nothing is ever dialled at
    /// a name.
    pub(super) fn new(settings: &UpstreamSettings, told_as: Option<&PublicUrl>) -> Self {
        let tls = settings.peer.tls;
        let mut names: Vec<ServerOrigin> = ServerOrigin::new(tls, &settings.authority).into_iter().collect();
        names.extend(settings.aliases.iter().cloned());
        if let Some(public) = told_as {
            let authority = public.origin().split_once("://").map_or("", |(_, authority)| authority);
            let told = [(public.is_https(), &*settings.authority), (public.is_https(), authority), (tls, authority)];
            names.extend(told.iter().filter_map(|(https, authority)| ServerOrigin::new(*https, authority)));
        }
        Self {
            names,
            told_as: told_as.cloned(),
            target: ArcSwapOption::empty(),
            epoch: AtomicU32::new(1),
            is_distrusted: AtomicBool::new(false),
            logged: ArcSwapOption::empty(),
        }
    }

    pub(super) fn is_told(&self, public: &PublicUrl) -> bool {
        self.told_as.as_ref() == Some(public)
    }

    pub(super) fn names(&self) -> &[ServerOrigin] {
        &self.names
    }

    /// The target that is used instead of the configured one.
    pub(super) fn target(&self) -> Option<PathAndQuery> {
        self.target.load().as_deref().cloned()
    }

    /// Changes when the target does: an answer without a redirect proves nothing about another
    /// target. [`NEVER`] if an answer proves nothing at all.
    pub(super) fn epoch(&self) -> u32 {
        if self.is_distrusted.load(Ordering::Acquire) { NEVER } else { self.epoch.load(Ordering::Acquire) }
    }

    /// The target to which an answer moves a request for `base`. The query stays: `Location` may
    /// repeat a client's.
    pub(super) fn leads_to(&self, base: &PathAndQuery, headers: &HeaderMap) -> Option<PathAndQuery> {
        let path = moved::slash(self.base(base), headers.get(LOCATION)?.as_bytes()).ok()?;
        let target = match base.query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        PathAndQuery::try_from(target).ok()
    }

    /// Where a redirect leads, and why it is not followed.
    pub(super) fn not_followed(&self, base: &PathAndQuery, headers: &HeaderMap) -> String {
        let mut locations = headers.get_all(LOCATION).iter();
        let (Some(location), None) = (locations.next(), locations.next()) else {
            return "it redirects, and does not say with one Location where to".to_owned();
        };
        let target = moved::shown(location.as_bytes());
        match moved::slash(self.base(base), location.as_bytes()) {
            Ok(_) => format!(
                "it redirects to {target}; only a 307 or 308 is followed, and only once: write the URL that \
                 answers without a redirect into the configuration"
            ),
            Err(why) => format!(
                "it redirects to {target}, which is not followed: {why}; check the URL of the upstream, and write \
                 its other names into upstream.aliases"
            ),
        }
    }

    /// From now on requests go to `target`.
    pub(super) fn remember(&self, target: &PathAndQuery, settings: &UpstreamSettings) {
        let UpstreamSettings { server, path_and_query, .. } = settings;
        let is_configured = target.as_str() == &**path_and_query;
        let next = (!is_configured).then(|| target.clone());
        if next == self.target() {
            return;
        }
        self.replace(next);
        if self.logged.load().as_deref() == Some(target) {
            return;
        }
        self.logged.store(Some(target.clone().into()));
        let scheme = if settings.peer.tls { Scheme::HTTPS } else { Scheme::HTTP };
        // The configured query may hold a key.
        let url = format!("{scheme}://{}{}", settings.authority, target.path());
        let query = if target.query().is_some() { ", with the same query" } else { "" };
        tracing::warn!(
            %server,
            "the upstream redirects {} to {}: requests go there until the configuration is read again; write the URL \
             {url} into the configuration{query}",
            path_and_query.split('?').next().unwrap_or_default(),
            target.path(),
        );
    }

    /// From now on requests go to the configured target.
    pub(super) fn forget(&self) {
        self.logged.store(None);
        self.is_distrusted.store(false, Ordering::Release);
        self.give_up();
    }

    /// As [`Self::forget`], but the log does not name the same target again.
    pub(super) fn give_up(&self) {
        if self.target.load().is_some() {
            self.replace(None);
        }
    }

    /// A connection has redirected that had answered before: each request is copied from now on.
    pub(super) fn distrust(&self) {
        self.is_distrusted.store(true, Ordering::Release);
    }

    fn replace(&self, target: Option<PathAndQuery>) {
        self.target.store(target.map(Into::into));
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    fn base<'a>(&'a self, target: &'a PathAndQuery) -> Base<'a> {
        Base { names: &self.names, path_and_query: target.as_str() }
    }
}
