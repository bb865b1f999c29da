//! The account at the CA: from the cache, or a new one.

use std::sync::Arc;

use instant_acme::{Account, ExternalAccountKey, NewAccount};
use rustls::pki_types::PrivatePkcs8KeyDer;

use super::{cache::CacheFault, client::CaClient, failure::Failed, held::AcmeHeld};
use crate::{base::secret::Secret, decide::acme::kept::KeptAccount};

/// The account of the cache, or a new one, which is kept before it is used. With a new one the
/// operator agrees to the terms of service: the configuration says so.
pub(super) async fn account(held: &Arc<AcmeHeld>, client: &CaClient) -> Result<Account, Failed> {
    let settings = held.settings();
    let directory = settings.directory.to_string();
    let contact = format!("mailto:{}", settings.email);
    match held.blocking(|held| held.cache.account()).await.unwrap_or(Ok(None)) {
        Ok(Some(kept)) => {
            let key = PrivatePkcs8KeyDer::from(kept.key.expose());
            let builder = Account::builder_with_http(Box::new(client.clone()));
            match builder.from_parts(kept.id.clone(), key, directory.clone()).await {
                Ok(account) if kept.email == *settings.email => return Ok(account),
                Ok(account) => {
                    let changed = account.update_contacts(&[&contact]).await;
                    changed.map_err(|error| Failed::of("the account's address", error, &settings.email))?;
                    keep(held, KeptAccount { email: settings.email.to_string(), ..kept }).await?;
                    return Ok(account);
                }
                Err(instant_acme::Error::KeyRejected) => replaces(held, "its key is damaged"),
                Err(error) => return Err(Failed::of("the directory", error, &settings.email)),
            }
        }
        Ok(None) => {}
        Err(CacheFault { cause }) => replaces(held, &cause),
    }
    let bound = settings.external_account.as_ref();
    let bound = bound.map(|bound| ExternalAccountKey::new(bound.key_id.to_string(), bound.key.expose()));
    let new = NewAccount { contact: &[&contact], terms_of_service_agreed: true, only_return_existing: false };
    let builder = Account::builder_with_http(Box::new(client.clone()));
    let (account, credentials) = (builder.create(&new, directory.clone(), bound.as_ref()).await)
        .map_err(|error| Failed::of("a new account", error, &settings.email))?;
    let key = Secret::new(credentials.private_key().secret_pkcs8_der().to_vec());
    let email = settings.email.to_string();
    keep(held, KeptAccount { id: account.id().to_owned(), directory, email, key }).await?;
    let terms = client.heard.terms().unwrap_or_else(|| "none that its directory names".to_owned());
    tracing::info!(
        directory = %settings.directory,
        account = account.id(),
        terms_of_service = terms,
        "a new account at the CA; the terms of service are agreed to, as the configuration says"
    );
    Ok(account)
}

async fn keep(held: &Arc<AcmeHeld>, account: KeptAccount) -> Result<(), Failed> {
    let kept = held.blocking(move |held| held.cache.keep_account(&account)).await;
    kept.unwrap_or(Ok(())).map_err(|CacheFault { cause }| {
        Failed::here(format!("{}: the account cannot be kept: {cause}", held.cache.account_path().display()))
    })
}

fn replaces(held: &AcmeHeld, why: &str) {
    let file = held.cache.account_path().display();
    tracing::warn!(%file, why, "the account in the cache cannot be used: a new one replaces it");
}
