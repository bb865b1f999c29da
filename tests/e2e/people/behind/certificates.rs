//! Certificates as openssl makes them are accepted where they are pinned, and upstreams may ask for the gateway's (A8).

use std::{path::Path, process::Command, sync::Arc};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
    sign::{CertifiedKey, SingleCertAndKey},
};
use tokio::time::{Duration, Instant, sleep};
use tokio_rustls::TlsAcceptor;

use crate::e2e::world::{
    Plan, Upstream, World, call,
    certificate::{authority_pem, leaf, leaf_but},
    command::portcullis,
};

const URL: &str = "url: \"@UPSTREAM@/inner/mcp\"";

fn openssl(folder: &Path, words: &str) {
    let output = Command::new("openssl").args(words.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A certificate that its own key has signed, in `folder/NAME.pem`, and a server that has it.
fn made(folder: &Path, name: &str, words: &str) -> (String, TlsAcceptor) {
    for one in words.split(" && ") {
        openssl(folder, &one.replace('@', name));
    }
    let pem = std::fs::read_to_string(folder.join(format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap();
    (pem.clone(), server(&pem, &key, &[&rustls::version::TLS13, &rustls::version::TLS12]))
}

fn server(pem: &str, key: &PrivateKeyDer<'_>, versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap();
    let certified = CertifiedKey::new(chain, aws_lc_rs::sign::any_supported_type(key).unwrap());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    TlsAcceptor::from(Arc::new(config))
}

async fn pinning(server: &Upstream, key: &str, pem: &str) -> World {
    let port = server.address().port();
    let with = format!("url: \"https://127.0.0.1:{port}/inner/mcp\", {key}");
    Plan::standard_but(URL, &with).file("pinned.pem", pem).start().await
}

async fn says(world: &World) -> (u16, String) {
    let reply = world.send(&world.post(call("safe"))).await;
    (reply.status, reply.text())
}

/// As guides on the web tell people to make one. The first has version 3 and is a CA; the second has version 1.
const FORMS: [(&str, &str); 4] = [
    (
        "ca",
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout @.key -out @.pem -days 30 -subj /CN=mcp",
    ),
    (
        "v1",
        "req -new -newkey rsa:2048 -nodes -keyout @.key -out @.csr -subj /CN=mcp && x509 -req -in @.csr -signkey @.key -days 30 -out @.pem",
    ),
    (
        "v1-ec",
        "ecparam -name secp384r1 -genkey -noout -out @.key && req -new -key @.key -out @.csr -subj /CN=mcp && x509 -req -in @.csr -signkey @.key -days 30 -out @.pem",
    ),
    (
        "named",
        "req -x509 -newkey rsa:2048 -nodes -keyout @.key -out @.pem -days 30 -subj /CN=mcp -addext subjectAltName=IP:127.0.0.1",
    ),
];

#[tokio::test]
async fn d60_people_a8_a_pinned_certificate_of_openssl_is_accepted_exactly() {
    let folder = tempfile::tempdir().unwrap();
    for (name, words) in FORMS {
        let (pem, acceptor) = made(folder.path(), name, words);
        let upstream = Upstream::start(Some(acceptor)).await;
        for key in ["ca: pinned.pem", "tls: {ca: pinned.pem}"] {
            let world = pinning(&upstream, key, &pem).await;
            let (status, text) = says(&world).await;
            assert_eq!(status, 200, "{name}: {text}\n{}", world.gateway.tail());
            assert_eq!(upstream.take().len(), 1);
            world.close().await;
        }
        let key = PrivateKeyDer::from_pem_file(folder.path().join(format!("{name}.key"))).unwrap();
        let old = Upstream::start(Some(server(&pem, &key, &[&rustls::version::TLS12]))).await;
        let world = pinning(&old, "ca: pinned.pem", &pem).await;
        assert_eq!(says(&world).await.0, 200, "{name} with TLS 1.2");
        world.close().await;
    }
}

#[tokio::test]
async fn d60_people_a8_attack_276_another_certificate_of_the_same_names_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, words) in FORMS {
        let (pem, _) = made(folder.path(), name, words);
        let (other, acceptor) = made(folder.path(), &format!("{name}-other"), words);
        assert_ne!(pem, other);
        let upstream = Upstream::start(Some(acceptor)).await;
        let world = pinning(&upstream, "ca: pinned.pem", &pem).await;
        let (status, text) = says(&world).await;
        assert!(status == 502 && upstream.count() == 0, "{name}: {status} {text}");
        world.close().await;

        // The pinned certificate itself, by a server that does not have its key.
        let key = PrivateKeyDer::from_pem_file(folder.path().join(format!("{name}-other.key"))).unwrap();
        let thief =
            Upstream::start(Some(server(&pem, &key, &[&rustls::version::TLS13, &rustls::version::TLS12]))).await;
        let world = pinning(&thief, "ca: pinned.pem", &pem).await;
        let (status, text) = says(&world).await;
        assert!(status == 502 && thief.count() == 0, "{name}: {status} {text}");
        world.close().await;
    }
}

#[tokio::test]
async fn d60_people_a8_attack_276_dates_and_names_of_a_pinned_certificate_count() {
    type Change<'a> = &'a dyn Fn(&mut rcgen::CertificateParams);
    let made = |change: Change<'_>| {
        let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        change(&mut params);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        (pem, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    };
    let cases: [(Change<'_>, &str); 3] = [
        (&|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1), "has expired"),
        (&|params| params.not_before = rcgen::date_time_ymd(2090, 1, 1), "is not valid yet"),
        (
            &|params| params.subject_alt_names = vec![rcgen::SanType::DnsName("a.example".try_into().unwrap())],
            "is for another host",
        ),
    ];
    for (change, told) in cases {
        let (pem, key) = made(change);
        let upstream = Upstream::start(Some(server(&pem, &key, &[&rustls::version::TLS13]))).await;
        let world = pinning(&upstream, "ca: pinned.pem", &pem).await;
        let (status, text) = says(&world).await;
        assert!(status == 502 && text.contains(told) && upstream.count() == 0, "{told}: {status} {text}");
        world.close().await;
    }
}

#[tokio::test]
async fn d61_people_a8_the_gateway_presents_its_certificate_and_reads_it_again_when_it_changes() {
    let own = leaf();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![CertificateDer::from(own.der().to_vec())], key)
        .unwrap();
    let upstream = Upstream::start(Some(TlsAcceptor::from(Arc::new(config)))).await;
    let url = format!("url: \"https://127.0.0.1:{}/inner/mcp\"", upstream.address().port());

    let world = Plan::standard_but(URL, &format!("{url}, tls: {{ca: ca.pem}}")).start().await;
    assert_eq!(says(&world).await.0, 502, "without a certificate");
    world.close().await;

    // One that the server does not know, and then one that it does.
    let unknown_key = rcgen::KeyPair::generate().unwrap();
    let unknown = rcgen::CertificateParams::new(vec!["gateway".to_owned()]).unwrap().self_signed(&unknown_key).unwrap();
    let plan = Plan::standard_but(URL, &format!("{url}, tls: {{ca: ca.pem, certificate: own.crt, key: own.key}}"));
    let world = plan.file("own.crt", &unknown.pem()).file("own.key", &unknown_key.serialize_pem()).start().await;
    assert_eq!(says(&world).await.0, 502, "a certificate of another CA");
    assert_eq!(upstream.count(), 0);
    let known = leaf_but(|params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    std::fs::write(world.folder.path().join("own.key"), &known.key).unwrap();
    std::fs::write(world.folder.path().join("own.crt"), &known.certificate).unwrap();
    let deadline = Instant::now() + Duration::from_secs(12);
    while says(&world).await.0 != 200 {
        assert!(Instant::now() < deadline, "the new files are not read\n{}", world.gateway.tail());
        sleep(Duration::from_millis(50)).await;
    }
    let (_, printed, _) = portcullis(world.folder.path(), &["explain", "--config", "gateway.yaml"]).await;
    assert!(printed.contains("own.crt") && printed.contains("own.key") && !printed.contains("PRIVATE"), "{printed}");
    world.close().await;
}
