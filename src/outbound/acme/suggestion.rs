//! When the CA suggests to renew the certificate in use (ARI, RFC 9773).

use std::{sync::Arc, time::Duration};

use instant_acme::{Account, CertificateIdentifier, Error};
use rustls::pki_types::PrivatePkcs8KeyDer;

use super::{
    client::CaClient,
    held::{AcmeHeld, IssuedCertificate, Suggested},
};
use crate::decide::acme::schedule::within;

/// How often a CA is asked that says nothing about it, or does not answer.
const ASKED_EVERY: Duration = Duration::from_secs(6 * 3600);
/// The bounds of what it says (RFC 9773 §4.3.2).
const ASKED_AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));

/// The id of a certificate for its CA.
pub(super) fn identifier(certificate: &IssuedCertificate) -> Option<CertificateIdentifier<'static>> {
    let leaf = certificate.key.cert.first()?;
    CertificateIdentifier::try_from(leaf).ok().map(CertificateIdentifier::into_owned)
}

/// Asks the CA. Returns when it should be asked again.
pub(super) async fn ask(held: &Arc<AcmeHeld>, client: CaClient, jitter: u64) -> Duration {
    let asked = match held.current() {
        Some(current) => answer(held, &current, client, jitter).await,
        None => None,
    };
    asked.unwrap_or(ASKED_EVERY)
}

async fn answer(held: &Arc<AcmeHeld>, current: &IssuedCertificate, client: CaClient, jitter: u64) -> Option<Duration> {
    let directory = held.settings().directory.to_string();
    let id = identifier(current).filter(|_| *current.directory == *directory)?;
    let kept = held.blocking(|held| held.cache.account()).await?.ok()??;
    let builder = Account::builder_with_http(Box::new(client));
    let account = builder.from_parts(kept.id, PrivatePkcs8KeyDer::from(kept.key.expose()), directory).await;
    let account = account.inspect_err(|error| tracing::debug!(%error, "the CA does not answer about renewals")).ok()?;
    let (info, again) = match account.renewal_info(&id).await {
        Ok(told) => told,
        Err(Error::Unsupported(_)) => return Some(ASKED_AGAIN.1),
        Err(error) => {
            tracing::debug!(%error, "the CA does not answer about renewals");
            return None;
        }
    };
    let secs = |time: i64| u64::try_from(time).unwrap_or_default();
    let window = (secs(info.suggested_window.start.unix_timestamp()), secs(info.suggested_window.end.unix_timestamp()));
    // A window that stays has its moment already: choosing again each time would favour early ones.
    if held.suggested().is_none_or(|suggested| suggested.window != window) {
        let leaf = &current.leaf;
        let latest = leaf.not_after.saturating_sub(leaf.not_after.saturating_sub(leaf.not_before) / 10);
        let at = within(window.0, window.1, latest, jitter);
        held.suggest(Some(Suggested { window, at }));
        let names = held.settings().names();
        let explanation = info.explanation_url.as_deref().unwrap_or("none");
        let explanation: String = explanation.chars().filter(|c| !c.is_control()).take(200).collect();
        tracing::info!(domains = names, renewal_unix_secs = at, explanation, "the CA suggests when to renew");
    }
    Some(again.clamp(ASKED_AGAIN.0, ASKED_AGAIN.1))
}
