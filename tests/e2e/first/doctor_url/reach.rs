//! Faults before the first answer: names, ports, certificates, silence.

use rcgen::date_time_ymd;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{
    super::super::world::{
        Step, Upstream,
        certificate::{self, Leaf},
    },
    Pretend, examined, examined_in,
};

/// A healthy server with this certificate.
async fn with(leaf: &Leaf) -> Pretend {
    Pretend::over(Upstream::start(Some(TlsAcceptor::from(leaf.server_config()))).await)
}

#[tokio::test]
async fn first_4_doctor_names_what_is_wrong_with_a_certificate_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), certificate::authority_pem()).unwrap();
    let healthy = with(&certificate::leaf()).await;
    assert_eq!(examined_in(folder.path(), &[&healthy.url(), "--ca", "ca.pem"]).await, []);
    let found = examined(&[&healthy.url()]).await;
    assert_eq!(found, [("tls-unknown-issuer".to_owned(), healthy.server.url())]);

    let dated = |from: (i32, u8, u8), until: (i32, u8, u8)| {
        certificate::leaf_but(|params| {
            params.not_before = date_time_ymd(from.0, from.1, from.2);
            params.not_after = date_time_ymd(until.0, until.1, until.2);
        })
    };
    let elsewhere = certificate::leaf_but(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("other.example".try_into().unwrap())];
    });
    for (leaf, id) in [
        (dated((2020, 1, 1), (2021, 1, 1)), "tls-expired"),
        (dated((2090, 1, 1), (2091, 1, 1)), "tls-not-yet-valid"),
        (elsewhere, "tls-name"),
    ] {
        let server = with(&leaf).await;
        let found = examined_in(folder.path(), &[&server.url(), "--ca", "ca.pem"]).await;
        assert_eq!(found, [(id.to_owned(), server.server.url())]);
    }
}

#[tokio::test]
async fn first_4_doctor_names_why_nothing_answers() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let closed = format!("http://127.0.0.1:{port}");
    for (url, id) in [
        (format!("{closed}/mcp"), "connection-refused"),
        ("https://mcp.invalid/mcp".to_owned(), "name-unresolved"),
        ("http://169.254.169.254/mcp".to_owned(), "address-forbidden"),
    ] {
        let found = examined(&[&url]).await;
        assert!(found.len() == 1 && found[0].0 == id && url.starts_with(&found[0].1), "{id}: {found:?}");
    }
    let plain = Upstream::start(None).await;
    let found = examined(&[&format!("https://{}/mcp", plain.address())]).await;
    assert!(found.len() == 1 && found[0].0 == "tls-failed", "{found:?}");
    let rude = Upstream::start(None).await;
    rude.answer_with(|_| vec![Step::Send("220 mail.example ESMTP\r\n".into()), Step::Cut]);
    let found = examined(&[&format!("{}/mcp", rude.url())]).await;
    assert!(found.len() == 1 && found[0].0 == "not-http", "{found:?}");
    rude.answer_with(|_| vec![Step::Cut]);
    let found = examined(&[&format!("{}/mcp", rude.url())]).await;
    assert!(found.len() == 1 && found[0].0 == "no-answer", "{found:?}");
}

#[tokio::test]
async fn first_4_attack_360_doctor_goes_to_no_address_that_a_foreign_document_names_on_the_link() {
    let pretend = Pretend::start().await;
    let metadata = "http://169.254.169.254/.well-known/oauth-protected-resource";
    pretend.plant("POST /mcp", move |_| super::challenged(&format!("Bearer resource_metadata=\"{metadata}\"")));
    let ids: Vec<String> = pretend.found().await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["challenge-metadata-http"], "it is not asked");
    let pretend = Pretend::start().await;
    pretend.member(super::RESOURCE, "authorization_servers", serde_json::json!(["https://169.254.169.254"]));
    pretend.expect("issuer-unreachable", "https://169.254.169.254").await;
}

#[tokio::test]
async fn first_4_attack_361_the_token_goes_to_the_url_that_the_user_gave_and_nowhere_else() {
    let (pretend, issuer) = (Pretend::start().await, Pretend::start().await);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), super::TOKEN).unwrap();
    pretend.member(super::RESOURCE, "authorization_servers", serde_json::json!([issuer.server.url()]));
    pretend.plant("POST /mcp/", |_| super::with_cors(307, &[("Location", "http://127.0.0.1:1/mcp")], ""));
    let found = examined_in(folder.path(), &[&pretend.url(), "--token-file", "token"]).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let word = format!("Bearer {}", super::TOKEN);
    let carried: Vec<String> = (pretend.server.take().into_iter())
        .filter(|seen| seen.header("authorization") == Some(&word))
        .map(|seen| seen.target)
        .collect();
    assert!(carried.len() > 2 && carried.iter().all(|target| target == "/mcp"), "{carried:?}");
    let asked = issuer.server.take();
    assert!(!asked.is_empty() && asked.iter().all(|seen| seen.header("authorization").is_none()));
}
