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
    nginx::Nginx,
};

const URL: &str = "url: \"@UPSTREAM@/inner/mcp\"";

fn openssl(folder: &Path, words: &str) {
    let output = Command::new("openssl").args(words.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
}

fn fingerprint(folder: &Path, file: &str) -> String {
    let words = ["x509", "-noout", "-fingerprint", "-sha256", "-in", file];
    let output = Command::new("openssl").args(words).current_dir(folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().rsplit_once('=').unwrap().1.to_owned()
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
        assert!(text.contains("its certificate's issuer is not trusted"), "{name}: {text}");
        // The log names both, as `openssl x509 -fingerprint -sha256` does.
        let line = world.gateway.line(|line| line.contains("it may have been replaced")).await;
        for file in [name.to_owned(), format!("{name}-other")] {
            let print = fingerprint(folder.path(), &format!("{file}.pem"));
            assert!(line.contains(&print) && line.contains("tls_unknown_issuer"), "{print}: {line}");
        }
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
    let mut over_h2 = config.clone();
    over_h2.alpn_protocols = vec![b"h2".to_vec()];
    let over_h2 = Upstream::start(Some(TlsAcceptor::from(Arc::new(over_h2)))).await;
    let url = format!("url: \"https://127.0.0.1:{}/inner/mcp\", tls: {{ca: ca.pem}}", over_h2.address().port());
    let world = Plan::standard_but(URL, &url).start().await;
    let (status, text) = says(&world).await;
    assert!(status == 502 && text.contains("it refuses the gateway's certificate"), "HTTP/2: {status} {text}");
    world.gateway.line(|line| line.contains("wants a certificate of the gateway") && line.contains("tls_own")).await;
    world.close().await;

    let upstream = Upstream::start(Some(TlsAcceptor::from(Arc::new(config)))).await;
    let url = format!("url: \"https://127.0.0.1:{}/inner/mcp\"", upstream.address().port());

    let world = Plan::standard_but(URL, &format!("{url}, tls: {{ca: ca.pem}}")).start().await;
    let (status, text) = says(&world).await;
    assert!(status == 502 && text.contains("it refuses the gateway's certificate"), "{status} {text}");
    let line = world.gateway.line(|line| line.contains("wants a certificate of the gateway")).await;
    assert!(line.contains("upstream.tls.certificate") && line.contains("tls_own"), "{line}");
    world.close().await;

    // One that the server does not know, and then one that it does.
    let unknown_key = rcgen::KeyPair::generate().unwrap();
    let unknown = rcgen::CertificateParams::new(vec!["gateway".to_owned()]).unwrap().self_signed(&unknown_key).unwrap();
    let plan = Plan::standard_but(URL, &format!("{url}, tls: {{ca: ca.pem, certificate: own.crt, key: own.key}}"));
    let world = plan.file("own.crt", &unknown.pem()).file("own.key", &unknown_key.serialize_pem()).start().await;
    let (status, text) = says(&world).await;
    let line = world.gateway.line(|line| line.contains("the upstream failed")).await;
    assert!(status == 502 && text.contains("it refuses the gateway's certificate"), "another CA: {text} {line}");
    assert!(line.contains("the server refuses the gateway's own certificate"), "{line}");
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

/// As `openssl x509 -req -CA` makes it, which writes version 1.
fn issued(folder: &Path) {
    for words in [
        "req -x509 -newkey rsa:2048 -nodes -keyout cca.key -out cca.pem -days 30 -subj /CN=clients",
        "req -new -newkey rsa:2048 -nodes -keyout own.key -out own.csr -subj /CN=gateway",
        "x509 -req -in own.csr -CA cca.pem -CAkey cca.key -CAcreateserial -days 30 -out own.pem",
        "x509 -req -in own.csr -CA cca.pem -CAkey cca.key -CAcreateserial -days 2 -out soon.pem",
        "genrsa -out other.key 2048",
    ] {
        openssl(folder, words);
    }
}

#[tokio::test]
async fn d61_people_a8_a_client_certificate_of_openssl_is_presented_and_the_server_judges_it() {
    let made = tempfile::tempdir().unwrap();
    issued(made.path());
    let text = |name: &str| std::fs::read_to_string(made.path().join(name)).unwrap();
    let words = ["x509", "-noout", "-text", "-in", "own.pem"];
    let parsed = Command::new("openssl").args(words).current_dir(made.path()).output().unwrap();
    let parsed = String::from_utf8(parsed.stdout).unwrap();
    assert!(parsed.contains("Version: 1"), "{parsed}");
    let world = World::standard().await;
    let port = world.upstream.address().port();
    let directives = format!(
        "ssl_client_certificate {}; ssl_verify_client on; location / {{ proxy_pass http://127.0.0.1:{port}; }}",
        made.path().join("cca.pem").display()
    );
    let nginx = Nginx::start(&directives).await.expect("nginx asks for the certificate: install nginx-light");
    let url = format!("url: \"{}/inner/mcp\", tls: {{ca: ca.pem, certificate: own.crt, key: own.key}}", nginx.url());
    let plan = Plan::standard_but(URL, &url).file("own.crt", &text("own.pem")).file("own.key", &text("own.key"));
    let gateway = plan.start().await;
    let (status, said) = says(&gateway).await;
    assert_eq!(status, 200, "{said}\n{}", gateway.gateway.tail());
    assert_eq!(world.upstream.take().len(), 1);
    let folder = gateway.folder.path();
    let check = async || {
        let path = gateway.config_path();
        let (code, out, err) = portcullis(folder, &["check", "--config", path.to_str().unwrap()]).await;
        (code, out + &err)
    };
    assert_eq!(check().await.0, Some(0));
    // What is wrong is told at the key that is wrong.
    for (file, content, code, told) in [
        ("own.crt", text("soon.pem"), 0, &["servers.main.upstream.tls.certificate", "own.crt", "it expires in "][..]),
        ("own.key", text("other.key"), 2, &["gateway.yaml:", "upstream.tls.key", "it belongs to another certificate"]),
        (
            "own.crt",
            JUNK.to_owned(),
            2,
            &["gateway.yaml:", "upstream.tls.certificate", "END of certificate 1, there is something else"],
        ),
        (
            "ca.pem",
            JUNK.to_owned(),
            2,
            &["gateway.yaml:", "upstream.tls.ca", "END of certificate 1, there is something else"],
        ),
    ] {
        let good = std::fs::read(folder.join(file)).unwrap();
        std::fs::write(folder.join(file), content).unwrap();
        let (found, said) = check().await;
        assert_eq!(found, Some(code), "{file}: {said}");
        assert!(told.iter().all(|told| said.contains(told)), "{told:?}: {said}");
        for word in ["KeyMismatch", "BadEncoding", "OtherError", "peer"] {
            assert!(!said.contains(word), "{word}: {said}");
        }
        std::fs::write(folder.join(file), good).unwrap();
    }
    gateway.close().await;
    world.close().await;
}

/// The frame of a certificate without one.
const JUNK: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

#[tokio::test]
async fn people_a8_expired_certificates_that_are_presented_or_pinned_are_told_by_check_and_at_the_start() {
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let with = "url: \"https://127.0.0.1:9/mcp\", tls: {ca: old.pem, certificate: old.pem, key: old.key}";
    let plan = Plan::standard_but(URL, with).file("old.pem", &pem).file("old.key", &key.serialize_pem());
    let world = plan.start().await;
    let path = world.config_path();
    let (code, _, warned) = portcullis(world.folder.path(), &["check", "--config", path.to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "{warned}");
    for key in ["servers.main.upstream.tls.certificate: ", "servers.main.upstream: `ca`: "] {
        let found = warned.lines().find(|line| line.contains(key)).unwrap_or_else(|| panic!("{key} {warned}"));
        assert!(found.starts_with("warning: ") && found.contains("old.pem: it has expired"), "{found}");
        world.gateway.line(|line| line.contains(key) && line.contains("WARN")).await;
    }
    world.close().await;
}
