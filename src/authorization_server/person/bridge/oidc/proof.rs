//! Asks the authorization endpoint whether it really answers as a browser says.
//!
//! Anyone can begin a sign-in and bring back an error that the IdP never sent. An error about the
//! gateway comes before the user signs in, so the gateway gets it as well.

use http::header::LOCATION;

use super::OidcBridge;
use crate::{
    authorization_server::{
        keys::random::unguessable,
        person::bridge::sign_in::{ExpectedAnswer, IdpRequest},
    },
    decide::authorization_server::form::Form,
    outbound::fetch::Wanted,
};

/// The maximum length of what comes instead, which is not read.
const BYTES_MAX: usize = 256 * 1024;

impl OidcBridge {
    /// Whether the authorization endpoint answers the gateway's own request with `error`; `None` if
    /// it shows a page, or cannot be asked.
    pub(super) async fn is_answered_with(&self, error: &str, callback: &str) -> Option<bool> {
        self.answer_to_a_request(callback).await.map(|found| found.as_deref() == Some(error))
    }

    /// The error with which it leads back, `Some(None)` without one.
    async fn answer_to_a_request(&self, callback: &str) -> Option<Option<String>> {
        let state = unguessable().ok()?;
        let expected = ExpectedAnswer::of(&state);
        // `prompt=none` beside a configured `prompt` would be an error of its own.
        let request =
            IdpRequest { state: &state, expected: &expected, callback, prompt: "", max_age: None, login_hint: None };
        let url = self.departure(&request).await.ok()?;
        let link = self.link();
        let place = link.keys.discovery().place("authorization_endpoint", &url).ok()?;
        let wanted = Wanted { url: &place.url, rule: place.rule, plaintext: place.plaintext, bytes_max: BYTES_MAX };
        let said = link.fetch.look_without_following(&wanted).await.ok()?;
        let location = said.fields.get(LOCATION)?.to_str().ok()?;
        let (target, query) = location.split_once('?')?;
        let form = Form::read(query.as_bytes()).ok()?;
        (target == callback && form.get("state") == Some(&*state)).then(|| form.get("error").map(str::to_owned))
    }
}
