//! Fetches what an issuer publishes: data of any label, after at most one redirect on its origin.

use http::header::LOCATION;
use tokio::time::timeout;
use url::Url;

use super::{
    Fetch, Fetched,
    answer::{Answers, Said, max_age},
    wanted::{Wanted, fault},
};
use crate::{
    base::limits::fetch::FETCH_TIMEOUT,
    outbound::fault::{Fault, FaultKind},
};

/// The part of a redirect's target that a fault shows.
const TARGET_CHARS_SHOWN: usize = 256;

impl Fetch {
    /// As [`Fetch::get`], for documents of a configured issuer. Many of them are files that a web
    /// server delivers without a name for their type, or at the same path with a slash.
    ///
    /// One redirect is followed if scheme, host and port stay the same (SPEC D-31): the operator
    /// has named this origin, so it may choose which of its documents it means, and no other place.
    ///
    /// # Errors
    /// As [`Fetch::get`].
    pub async fn get_published(&self, wanted: &Wanted<'_>) -> Result<Fetched, Fault> {
        let get = async {
            let said = self.get_unhurried(wanted, None, Answers::Published).await?;
            let said = match said.status.is_redirection() {
                false => said,
                true => {
                    let url = target(&said, wanted)?;
                    let wanted = Wanted { url: url.as_str(), ..*wanted };
                    self.get_unhurried(&wanted, None, Answers::PublishedAfterRedirect).await?
                }
            };
            Ok(Fetched { max_age: max_age(&said.fields), body: said.body })
        };
        match timeout(FETCH_TIMEOUT, get).await {
            Ok(result) => result,
            Err(_) => Err(fault(FaultKind::Timeout, wanted, format_args!("no whole answer within {FETCH_TIMEOUT:?}"))),
        }
    }
}

/// The one place where a redirect may lead.
fn target(said: &Said, wanted: &Wanted<'_>) -> Result<Url, Fault> {
    let refused = |cause: String| fault(FaultKind::Redirect, wanted, format_args!("{}: {cause}", said.status));
    let mut locations = said.fields.get_all(LOCATION).iter();
    let (Some(location), None) = (locations.next(), locations.next()) else {
        return Err(refused("not exactly one Location".to_owned()));
    };
    let asked = Url::parse(wanted.url).map_err(|cause| fault(FaultKind::Url, wanted, cause))?;
    let target = location.to_str().ok().and_then(|location| asked.join(location).ok());
    let Some(mut target) = target else { return Err(refused("its Location is not a URL".to_owned())) };
    target.set_fragment(None);
    let is_same = target.origin() == asked.origin() && target.origin().is_tuple();
    if is_same && target.username().is_empty() && target.password().is_none() {
        return Ok(target);
    }
    // The query may hold a key, and the part before an `@` a password.
    let shown = format!("{}{}", target.origin().ascii_serialization(), target.path());
    let shown: String = shown.chars().take(TARGET_CHARS_SHOWN).collect();
    Err(refused(format!(
        "it redirects to {shown}; redirects are followed only to the same scheme, host and port; if that place is \
         right, configure its URL"
    )))
}
