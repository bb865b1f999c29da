//! Reads the forward proxies of the environment, and says at the start which are used.

use std::sync::Arc;

use crate::{
    config::environment::process_environment,
    outbound::{
        fault::{Fault, FaultKind},
        proxy::ForwardProxies,
    },
};

/// The forward proxies of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
///
/// # Errors
/// A proxy that cannot be used.
pub(super) fn forward_proxies() -> Result<Option<Arc<ForwardProxies>>, Fault> {
    let proxies = ForwardProxies::from_environment(process_environment)
        .map_err(|cause| Fault::new(FaultKind::ForwardProxy, cause))?;
    if let Some(proxies) = &proxies {
        for entry in &proxies.matching_nothing {
            tracing::warn!(
                entry,
                "this entry of NO_PROXY matches no host: expected a host, .domain, address or network, or * for all; requests \
                 to the hosts that it is meant for go through the forward proxy"
            );
        }
        let [https, http] = proxies.both().map(|proxy| proxy.map(ToString::to_string));
        tracing::info!(
            https = https.as_deref().unwrap_or("none"),
            http = http.as_deref().unwrap_or("none"),
            no_proxy = proxies.no_proxy,
            "requests to issuers, and for keys and documents, go through the forward proxy of the environment; \
             requests to upstreams do not"
        );
    }
    Ok(proxies.map(Arc::new))
}
