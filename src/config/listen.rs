//! Reads where clients connect: `public_url`, `listen` and `admin`.

use std::{
    net::{Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::{
    base::{
        address_range::{AddressRange, BadAddressRange},
        names::PublicUrl,
    },
    config::{
        ListenSettings, ListenTls, TlsFiles,
        acme::{self, WrittenAcme},
        file_bytes::file_bytes,
        pem_contents::other,
        place::{Place, Written},
        reader::{Field, Fields},
        value,
    },
    decide::{fields::origin::HostName, routing::is_plain_path},
};

const ADDRESS: &str = "an IP address and a port, such as 0.0.0.0:8443 or \"[::]:8443\"";

/// `trusted_proxies`.
pub(super) fn trusted_proxies(field: &Field<'_>) -> Vec<AddressRange> {
    const EXPECTED: &str = "a network of proxies such as 10.0.0.0/8 or fd00::/8";
    let range = |item: &Field<'_>| match item.text(EXPECTED)?.parse::<AddressRange>() {
        Ok(range) => {
            if range.holds_all() {
                item.warn("the networks of your own proxies: with this one, every client may claim any address");
            }
            Some(range)
        }
        Err(BadAddressRange::Form) => item.wrong(EXPECTED),
        Err(BadAddressRange::HostBits(meant)) => {
            item.wrong(&format!("the first address of the network, as in {meant}"))
        }
    };
    field.distinct("networks").unwrap_or_default().iter().filter_map(range).collect()
}

/// `hosts`.
pub(super) fn hosts(field: &Field<'_>) -> Vec<HostName> {
    const EXPECTED: &str = "a host name or an address, perhaps with a port, such as mcp.internal, \"10.0.0.5:8443\" \
                            or \"[fd00::1]\"";
    let host = |item: &Field<'_>| {
        let text = item.text(EXPECTED)?;
        if text.parse::<Ipv6Addr>().is_ok() {
            return item.wrong(&format!("the address in brackets: \"[{text}]\""));
        }
        HostName::read(text).or_else(|| item.wrong(EXPECTED))
    };
    field.distinct("host names").unwrap_or_default().iter().filter_map(host).collect()
}

/// `public_url`.
pub(super) fn public_url(field: &Field<'_>) -> Option<PublicUrl> {
    match PublicUrl::parse(field.text("a URL such as https://mcp.example.com")?) {
        Ok(url) => Some(url),
        Err(expected) => match meant_origin(field.scalar_text()?) {
            Some(meant) => field.wrong_near(expected, &meant),
            None => field.wrong(expected),
        },
    }
}

/// The origin of a URL with a path.
fn meant_origin(written: &str) -> Option<String> {
    let url = value::url(written).ok()?;
    let origin = format!("{}://{}", if url.https { "https" } else { "http" }, url.authority.to_ascii_lowercase());
    PublicUrl::parse(&origin).ok().map(|_| origin)
}

/// One listener as written.
pub(super) struct WrittenListener {
    /// Kept apart, so that conflicts of addresses are found even if the entry has other mistakes.
    pub(super) address: Option<Written<SocketAddr>>,
    pub(super) settings: Option<ListenSettings>,
    /// The place of `proxy_protocol: true`.
    pub(super) proxy_protocol: Option<Place>,
    pub(super) health: Option<Written<Box<str>>>,
    /// `tls.acme`.
    pub(super) acme: Option<WrittenAcme>,
}

/// `listen`. A certificate is ordered for the host of `public_url` where no domains are written.
pub(super) fn listeners(field: &Field<'_>, public_url: Option<&PublicUrl>) -> Vec<WrittenListener> {
    let items = field.full_list("maps with an address").unwrap_or_default();
    let read: Vec<WrittenListener> = items.iter().map(|item| listener(item, public_url)).collect();
    for (index, one) in read.iter().enumerate() {
        let Some(address) = &one.address else { continue };
        let mut earlier = read.iter().take(index).filter_map(|other| other.address.as_ref());
        let same = earlier.find(|other| is_one_socket(address.value, other.value));
        if let Some(other) = same {
            let found = match other.value == address.value {
                true => format!("{} a second time", address.value),
                false => format!("{}, which is taken by {}", address.value, other.value),
            };
            field.reading.problem_see(&address.place, &found, "each address once", &other.place);
        }
    }
    read
}

/// Whether two listeners cannot have these addresses at the same time: `0.0.0.0` takes the port of
/// each other address.
pub(super) fn is_one_socket(one: SocketAddr, other: SocketAddr) -> bool {
    let takes_all = one.ip().is_unspecified() || other.ip().is_unspecified();
    let is_same = one.ip() == other.ip() || (takes_all && one.is_ipv4() == other.is_ipv4());
    one.port() != 0 && one.port() == other.port() && is_same
}

fn listener(field: &Field<'_>, public_url: Option<&PublicUrl>) -> WrittenListener {
    let (mut address, mut proxy_protocol, mut health, mut acme) = (None, None, None, None);
    let settings = field.section("listen[]", |fields| {
        address = fields.need("address", ADDRESS).and_then(|field| socket_address(&field));
        let tls = fields.get("tls");
        let plaintext = fields.get("plaintext");
        let proxied = fields.get("proxy_protocol").filter(|field| field.bool() == Some(true));
        proxy_protocol = proxied.map(|field| field.place);
        health = fields.get("health").and_then(|field| health_path(&field));
        let insists = plaintext.as_ref().and_then(Field::bool).unwrap_or(false);
        if let (Some(_), Some(plaintext), true) = (&tls, &plaintext, insists) {
            plaintext.wrong::<()>("either `tls` or `plaintext: true`, not both");
        }
        let certificate = match &tls {
            Some(tls) => Some(tls.section("listen[].tls", |fields| listen_tls(fields, public_url, &mut acme))?),
            None => None,
        };
        let address = address.as_ref()?;
        // Tokens cross a network unencrypted only where the file says that TLS ends at a proxy.
        if tls.is_none() && !insists && !address.value.ip().to_canonical().is_loopback() {
            let expected = "`tls`, a loopback address, or `plaintext: true` where TLS ends in front of the gateway";
            let found = format!("{} without TLS", address.value);
            field.reading.problem(&address.place, &found, expected);
        }
        Some(ListenSettings {
            address: address.value,
            tls: certificate,
            proxy_protocol: proxy_protocol.is_some(),
            health: health.as_ref().map(|path: &Written<Box<str>>| path.value.clone()),
        })
    });
    WrittenListener { address, settings, proxy_protocol, health, acme }
}

/// A path that only the probes of this listener ask for.
fn health_path(field: &Field<'_>) -> Option<Written<Box<str>>> {
    const EXPECTED: &str =
        "a path such as /healthz, of letters, digits and -._~@:+, without a slash at its end, outside /.well-known/";
    match field.text(EXPECTED)? {
        text if is_plain_path(text) => Some(Written { value: text.into(), place: field.place.clone() }),
        _ => field.wrong(EXPECTED),
    }
}

fn socket_address(field: &Field<'_>) -> Option<Written<SocketAddr>> {
    let written = field.scalar_text().unwrap_or_default();
    match written.parse() {
        Ok(value) => Some(Written { value, place: field.place.clone() }),
        Err(_) => match meant_address(written) {
            Some(meant) => field.wrong_near(ADDRESS, &meant),
            None => field.wrong(ADDRESS),
        },
    }
}

/// `tls`: files, or `acme`.
fn listen_tls(
    fields: &mut Fields<'_>,
    public_url: Option<&PublicUrl>,
    written: &mut Option<WrittenAcme>,
) -> Option<ListenTls> {
    let Some(field) = fields.get("acme") else { return tls_files(fields).map(ListenTls::Files) };
    for key in ["certificate", "key"] {
        if let Some(file) = fields.get(key) {
            file.reading.problem(
                &file.place,
                "a file beside `acme`",
                "either `certificate` and `key`, or `acme` alone",
            );
        }
    }
    *written = acme::acme(&field, public_url);
    written.as_ref().map(|acme| ListenTls::Acme(Box::new(acme.settings.clone())))
}

/// The address that a port alone, a name of this machine, or a URL probably stands for.
fn meant_address(written: &str) -> Option<String> {
    let bare = written.strip_prefix("http://").or_else(|| written.strip_prefix("https://")).unwrap_or(written);
    let (host, port) = bare.trim_end_matches('/').rsplit_once(':').unwrap_or(("", bare));
    let port: u16 = port.parse().ok()?;
    let host = match host {
        "" | "*" => "0.0.0.0",
        "localhost" => "127.0.0.1",
        host => host,
    };
    let address: SocketAddr = format!("{host}:{port}").parse().ok()?;
    Some(address.to_string())
}

fn tls_files(fields: &mut Fields<'_>) -> Option<TlsFiles> {
    let certificate = fields.need("certificate", "a PEM file with the certificate chain");
    let key = fields.need("key", "a PEM file with the private key");
    let certificate = certificate.and_then(|field| {
        pem(&field, "certificates", |bytes| {
            CertificateDer::pem_slice_iter(bytes).next().is_some_and(|found| found.is_ok())
        })
    });
    let key = key.and_then(|field| pem(&field, "a private key", |bytes| PrivateKeyDer::from_pem_slice(bytes).is_ok()));
    Some(TlsFiles { certificate: certificate?, key: key? })
}

/// A PEM file that can be read now. The listener reads it again whenever it changes.
fn pem(field: &Field<'_>, what: &str, holds: impl FnOnce(&[u8]) -> bool) -> Option<PathBuf> {
    let path = value::path(field, "a path")?;
    let bytes = file_bytes(field, &path)?;
    if holds(&bytes) {
        return Some(path);
    }
    other(field, &bytes, &format!("a PEM file that holds {what}"))
}

/// `admin`.
pub(super) fn admin(field: &Field<'_>) -> Option<Written<SocketAddr>> {
    let address = field.section("admin", |fields| {
        let address = fields.need("address", ADDRESS)?;
        socket_address(&address)
    })?;
    if !address.value.ip().to_canonical().is_loopback() {
        let found = format!("{}, which others can reach", address.value);
        let expected =
            "a loopback address, or a network that only operators reach: metrics name servers and count refusals";
        field.reading.warning(&address.place, &found, expected);
    }
    Some(address)
}
