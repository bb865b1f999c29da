//! Reads a form from one of the pages: same site, same browser, valid CSRF value (SPEC D-02).

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::header::ORIGIN;

use crate::{
    authorization_server::{
        browser::{
            cookie::Cookie,
            flow::{Flow, FlowAt},
            named_flow,
        },
        embedded::{Asked, Embedded},
    },
    decide::authorization_server::{
        error::{Code, OAuthError},
        form::Form,
    },
};

/// A form from the flow's browser. Only [`FormPost::check`] proves that a page of this server sent
/// it.
pub(crate) struct FormPost {
    /// Its fields.
    pub(crate) form: Form,
    /// How it names its flow.
    pub(crate) named: String,
    /// Its flow.
    pub(crate) flow: Flow,
    /// Where the flow is.
    pub(crate) at: FlowAt,
}

impl FormPost {
    /// Reads the form.
    ///
    /// # Errors
    /// `access_denied` if another site or browser sent it, `invalid_request` if it is malformed.
    pub(crate) async fn read(embedded: &Embedded, asked: &Asked<'_>) -> Result<Self, OAuthError> {
        same_origin(embedded, asked)?;
        let form = asked.form()?;
        let named = form.get("flow").unwrap_or_default().to_owned();
        let (flow, at) = named_flow::resume(embedded, &named, asked).await?;
        Ok(Self { form, named, flow, at })
    }

    /// Checks the CSRF value: whether the form is from the page for this flow and `purpose`.
    ///
    /// # Errors
    /// `access_denied`.
    pub(crate) fn check(&self, embedded: &Embedded, asked: &Asked<'_>, purpose: &[&str]) -> Result<(), OAuthError> {
        let expected = csrf(embedded, asked, &self.named, purpose);
        let sent = self.form.get("csrf").unwrap_or_default();
        match expected.is_some_and(|expected| verify_slices_are_equal(expected.as_bytes(), sent.as_bytes()).is_ok()) {
            true => Ok(()),
            false => Err(Code::AccessDenied.because("the form is outdated; go back and load the page again")),
        }
    }
}

/// The CSRF value of a page's form: a MAC of the flow and of what the page shows, with the
/// browser's cookie as key. It is wrong for a page with other content. `None` without the cookie.
pub(crate) fn csrf(embedded: &Embedded, asked: &Asked<'_>, id: &str, purpose: &[&str]) -> Option<String> {
    let cookie = Cookie::Browser.get(embedded, &asked.head.headers)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, cookie.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    for part in [id].iter().chain(purpose) {
        // Each part has its length in front, so that two parts cannot pass for one.
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part.as_bytes());
    }
    Some(URL_SAFE_NO_PAD.encode(context.sign()))
}

/// Checks the browser's statement about the origin of the form, if it sends one.
fn same_origin(embedded: &Embedded, asked: &Asked<'_>) -> Result<(), OAuthError> {
    let settings = &embedded.settings;
    let origin = settings.issuer.strip_suffix(&*settings.path).unwrap_or(&settings.issuer);
    let headers = &asked.head.headers;
    let every =
        |name: &str, wanted: &str| headers.get_all(name).iter().all(|value| value.as_bytes() == wanted.as_bytes());
    if every(ORIGIN.as_str(), origin) && every("sec-fetch-site", "same-origin") {
        return Ok(());
    }
    Err(Code::AccessDenied.because("the form comes from another site"))
}
