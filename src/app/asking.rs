//! What commands ask web servers with: the trust roots and the forward proxies of the environment.

use std::{
    env::split_paths,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::pki_types::CertificateDer;

use crate::{
    config::environment::process_environment,
    outbound::{
        ask::Asker,
        fault::{Fault, FaultKind},
        fetch::{Roots, native_roots, tls_roots},
        proxy::ForwardProxies,
    },
};

/// The public roots, and those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
///
/// # Errors
/// There is no usable certificate in these.
pub fn trust_roots() -> Result<Roots, Fault> {
    let file = process_environment("SSL_CERT_FILE");
    let directories: Vec<PathBuf> =
        process_environment("SSL_CERT_DIR").map(|list| split_paths(&list).collect()).unwrap_or_default();
    tls_roots(&native_roots(file.as_deref().map(Path::new), &directories)?)
}

/// An asker that trusts [`trust_roots`], and perhaps `ca`.
///
/// # Errors
/// The roots or the forward proxies cannot be used.
pub fn asker(ca: Option<&[CertificateDer<'static>]>) -> Result<Asker, Fault> {
    let proxies = ForwardProxies::from_environment(process_environment)
        .map_err(|cause| Fault::new(FaultKind::ForwardProxy, cause))?;
    let asker = Asker::new(trust_roots()?, proxies.map(Arc::new))?;
    ca.map_or(Ok(asker.clone()), |ca| asker.trusting(ca))
}
