//! One attempt to get a certificate: account, order, proofs, signing request, chain (RFC 8555 §7).

use std::{sync::Arc, time::Duration};

use instant_acme::{
    Account, AuthorizationStatus, ChallengeStatus, ChallengeType, Error, Identifier, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use zeroize::Zeroizing;

use super::{
    account,
    cache::CacheFault,
    client::{CaClient, CaFault},
    failure::{Failed, is_rate_limit, problems},
    held::{AcmeHeld, IssuedCertificate, Proving},
    suggestion,
};
use crate::{
    base::{limits::operating::ACME_ORDER_TIMEOUT, secret::Secret},
    decide::acme::{
        refusal::{CaProblem, ValidationsSeen},
        schedule::AttemptFailure,
    },
    outbound::fetch::Fetch,
};

/// Polls of an order: quick at first, because small CAs answer at once.
const POLLS: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).backoff(1.5).timeout(ACME_ORDER_TIMEOUT);

/// Orders a certificate, proves its names, and keeps it.
pub(super) async fn attempt(held: &Arc<AcmeHeld>, fetch: &Fetch, wall: Duration) -> Result<IssuedCertificate, Failed> {
    let client = CaClient::new(fetch, &held.settings().directory, wall);
    let result = async {
        let account = account::account(held, &client).await?;
        ordered(held, &account).await
    };
    result.await.map_err(|failed| Failed { retry_after: client.heard.retry_after(), ..failed })
}

async fn ordered(held: &Arc<AcmeHeld>, account: &Account) -> Result<IssuedCertificate, Failed> {
    let settings = held.settings();
    let identifiers: Vec<Identifier> =
        settings.domains.iter().map(|domain| Identifier::Dns(domain.to_string())).collect();
    let order = begun(held, account, &identifiers).await;
    let order = order.map_err(|error| Failed::of("a new order", error, &settings.email))?;
    // No challenge is answered after the attempt, whether it ends or is dropped.
    let proving = Proving::new(held);
    let issued = issued(held, order).await;
    proving.end().await;
    issued
}

/// Proves the names, and fetches and keeps the certificate.
async fn issued(held: &Arc<AcmeHeld>, mut order: Order) -> Result<IssuedCertificate, Failed> {
    let settings = held.settings();
    let failed = |step: &'static str| move |error: Error| Failed::of(step, error, &settings.email);
    prove(held, &mut order).await?;
    match order.poll_ready(&POLLS).await {
        Ok(OrderStatus::Ready) => {}
        Ok(_) => return Err(why_invalid(held, &mut order, None).await),
        Err(Error::Api(problem)) => return Err(why_invalid(held, &mut order, Some(problem)).await),
        Err(error) => return Err(failed("the validation of the names")(error)),
    }
    let (request, key) = signing_request(held)?;
    order.finalize_csr(&request).await.map_err(failed("the signing request"))?;
    let chain = order.poll_certificate(&POLLS).await.map_err(failed("the certificate"))?;
    let pem = Secret::new([key.as_bytes(), chain.as_bytes()].concat());
    let issued = IssuedCertificate::read(pem.expose(), settings)
        .map_err(|why| Failed::here(format!("the CA sent a certificate that cannot be used: {why}")))?;
    let kept = held.blocking(move |held| held.cache.keep_certificate(&pem)).await;
    if let Some(Err(CacheFault { cause })) = kept {
        // It is good, and used: ordering it again would not help.
        let file = held.cache.certificate_path().display();
        tracing::error!(%file, cause, "the new certificate is in use but cannot be kept: after a restart another one is ordered");
    }
    Ok(issued)
}

/// A new order. It names the certificate that it replaces, where the CA wants to know (RFC 9773
/// §5); an order that is refused with it is sent without it.
async fn begun(held: &AcmeHeld, account: &Account, identifiers: &[Identifier]) -> Result<Order, Error> {
    let replaced = held.current().filter(|_| held.suggested().is_some());
    if let Some(id) = replaced.and_then(|current| suggestion::identifier(&current)) {
        match account.new_order(&NewOrder::new(identifiers).replaces(id)).await {
            Ok(order) => return Ok(order),
            Err(Error::Api(problem)) if !is_rate_limit(&problem) => tracing::debug!(%problem, "an order that replaces"),
            Err(Error::Other(cause)) if !cause.is::<CaFault>() => tracing::debug!(%cause, "an order that replaces"),
            Err(error) => return Err(error),
        }
    }
    account.new_order(&NewOrder::new(identifiers)).await
}

/// Answers the challenge of each name that is not proven yet.
async fn prove(held: &Arc<AcmeHeld>, order: &mut Order) -> Result<(), Failed> {
    let settings = held.settings();
    let failed = |step: &'static str| move |error: Error| Failed::of(step, error, &settings.email);
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(failed("an authorization"))?;
        let name = match authorization.identifier().identifier {
            // The CA must not make this listener prove another name.
            Identifier::Dns(name) if !authorization.wildcard && settings.domains.iter().any(|own| **own == **name) => {
                name.clone()
            }
            _ => return Err(Failed::here("the CA asks to prove a name that was not ordered")),
        };
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            status => return Err(Failed::here(format!("{name}: the CA says that its authorization is {status:?}"))),
        }
        let offered: Vec<String> =
            authorization.challenges.iter().map(|challenge| format!("{:?}", challenge.r#type)).collect();
        let Some(mut challenge) = authorization.challenge(ChallengeType::TlsAlpn01) else {
            return Err(Failed::here(format!(
                "{name}: the CA offers no tls-alpn-01, which is the only proof that this listener gives (it offers {}); \
                 permit it at the CA, or take another `directory`",
                offered.join(", ")
            )));
        };
        let digest = challenge.key_authorization().digest().as_ref().to_vec();
        let proven = held.blocking(move |held| held.prove(&name, &digest)).await;
        proven.unwrap_or_else(|| Err("the proof could not be made".to_owned())).map_err(Failed::here)?;
        if challenge.status == ChallengeStatus::Pending {
            challenge.set_ready().await.map_err(failed("a challenge"))?;
        }
    }
    Ok(())
}

/// Collects what the CA says of each name: it is in the challenges rather than in the order.
async fn why_invalid(held: &AcmeHeld, order: &mut Order, whole: Option<instant_acme::Problem>) -> Failed {
    let hidden = &*held.settings().email;
    let mut all: Vec<(CaProblem, Option<ValidationsSeen>)> = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if authorization.refresh().await.is_err() {
            continue;
        }
        let Identifier::Dns(name) = authorization.identifier().identifier.clone() else { continue };
        let faults = authorization.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        for fault in faults {
            all.extend(problems(fault, Some(&name), hidden).into_iter().map(|one| (one, held.seen(&name))));
        }
    }
    if all.is_empty() {
        all.extend(whole.iter().flat_map(|problem| problems(problem, None, hidden)).map(|one| (one, None)));
    }
    if all.is_empty() {
        return Failed::here("the CA says that the order is not valid, and not why");
    }
    Failed { kind: AttemptFailure::Refused, ..Failed::refused(&all) }
}

/// A signing request for the names, and its new key in PEM.
fn signing_request(held: &AcmeHeld) -> Result<(Vec<u8>, Zeroizing<String>), Failed> {
    let names: Vec<String> = held.settings().domains.iter().map(ToString::to_string).collect();
    let made = || -> Result<_, rcgen::Error> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        let key = KeyPair::generate()?;
        let request = params.serialize_request(&key)?;
        Ok((request.der().to_vec(), Zeroizing::new(key.serialize_pem())))
    };
    made().map_err(|cause| Failed::here(format!("the signing request cannot be made: {cause}")))
}
