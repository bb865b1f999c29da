//! Reads a form that a page of ours sent: from this site, from the browser that the flow belongs to, with the value that only that
//! page had (SPEC D-02, attack 163).

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::header::{CONTENT_TYPE, ORIGIN};

use crate::{
    decide::authorization_server::{
        error::{Code, OAuthError},
        form::Form,
    },
    issuer::{
        Asked, Embedded,
        cookie::Cookie,
        flow::{self, Flow},
    },
};

/// A form of ours, whose sender is the flow's browser. That it was our page is known when [`Posted::check`] has passed.
pub(super) struct Posted {
    /// What was filled in.
    pub(super) form: Form,
    /// Which flow it is about.
    pub(super) id: String,
    /// That flow.
    pub(super) flow: Flow,
    /// The flow as the store has it.
    pub(super) before: Vec<u8>,
}

impl Posted {
    /// Reads the form.
    ///
    /// # Errors
    /// `access_denied` for what another site or another browser has sent, `invalid_request` for what is no form of ours.
    pub(super) async fn read(embedded: &Embedded, asked: &Asked<'_>) -> Result<Self, OAuthError> {
        same_origin(embedded, asked)?;
        let kind = asked.head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Code::InvalidRequest.because("a form of type application/x-www-form-urlencoded is expected"));
        }
        let form = Form::read(&asked.body)?;
        let id = form.get("flow").unwrap_or_default().to_owned();
        let (flow, before) = flow::resume(embedded, &id, asked).await?;
        Ok(Self { form, id, flow, before })
    }

    /// Whether the page that sent the form is the one that `purpose` made for it.
    ///
    /// # Errors
    /// `access_denied`.
    pub(super) fn check(&self, embedded: &Embedded, asked: &Asked<'_>, purpose: &[&str]) -> Result<(), OAuthError> {
        let ours = csrf(embedded, asked, &self.id, purpose);
        let theirs = self.form.get("csrf").unwrap_or_default();
        match ours.is_some_and(|ours| verify_slices_are_equal(ours.as_bytes(), theirs.as_bytes()).is_ok()) {
            true => Ok(()),
            false => Err(Code::AccessDenied
                .because("the form is not the one that this site shows now; go back, and load the page again")),
        }
    }
}

/// What a page's form must bring back: made of the browser's cookie, the flow, and what the page is for and shows, so that nobody
/// answers a question that has become another one meanwhile. Nothing without the cookie.
pub(super) fn csrf(embedded: &Embedded, asked: &Asked<'_>, id: &str, purpose: &[&str]) -> Option<String> {
    let cookie = Cookie::Browser.get(embedded, &asked.head.headers)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, cookie.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    for part in [id].iter().chain(purpose) {
        // With its length before it, no part can pass for two.
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part.as_bytes());
    }
    Some(URL_SAFE_NO_PAD.encode(context.sign()))
}

/// What the browser itself says about where the form comes from, where it says so.
fn same_origin(embedded: &Embedded, asked: &Asked<'_>) -> Result<(), OAuthError> {
    let settings = &embedded.settings;
    let ours = settings.issuer.strip_suffix(&*settings.path).unwrap_or(&settings.issuer);
    let headers = &asked.head.headers;
    let every =
        |name: &str, wanted: &str| headers.get_all(name).iter().all(|value| value.as_bytes() == wanted.as_bytes());
    if every(ORIGIN.as_str(), ours) && every("sec-fetch-site", "same-origin") {
        return Ok(());
    }
    Err(Code::AccessDenied.because("the form comes from another site"))
}
