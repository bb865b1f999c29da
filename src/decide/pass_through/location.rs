//! Where a redirect of an upstream leads: to another path of `paths`, or nowhere.

use http::{Method, uri::PathAndQuery};
use url::Url;

use super::PathTable;

/// A redirect: the request's own URL at the upstream, and the upstream's `Location`.
#[derive(Clone, Copy, Debug)]
pub struct Redirect<'a> {
    /// Scheme and authority of the upstream.
    pub origin: &'a str,
    /// The path that was asked for.
    pub from: &'a PathAndQuery,
    /// `Location`.
    pub to: &'a str,
}

impl Redirect<'_> {
    /// The `Location` for the client of `server`: a path of the gateway, if the upstream's leads to
    /// the same origin and to a path that `paths` permits for `GET`.
    ///
    /// # Errors
    /// The target, without its query, for the log: no client is sent to another host, to the
    /// upstream's own address, or around the rules.
    pub fn within(self, table: &PathTable, server: usize) -> Result<String, String> {
        let unreadable = || "a URL that cannot be read".to_owned();
        let own = Url::parse(self.origin).map_err(|_| unreadable())?;
        let asked = own.join(self.from.as_str()).map_err(|_| unreadable())?;
        let target = asked.join(self.to).map_err(|_| unreadable())?;
        let shown = || {
            let mut shown = target.clone();
            shown.set_query(None);
            shown.set_fragment(None);
            let _ = shown.set_username("").and_then(|()| shown.set_password(None));
            shown.to_string()
        };
        let is_own = target.origin() == own.origin() && target.username().is_empty() && target.password().is_none();
        let path: PathAndQuery = match target.query() {
            Some(query) => format!("{}?{query}", target.path()).parse(),
            None => target.path().parse(),
        }
        .map_err(|_| shown())?;
        let found = table.find(path.path()).filter(|found| is_own && found.server == server);
        let passed = found.and_then(|found| found.passed(&path, &Method::GET).ok()).ok_or_else(shown)?;
        Ok(match target.fragment() {
            Some(fragment) => format!("{}#{fragment}", passed.target()),
            None => passed.target().to_string(),
        })
    }
}
