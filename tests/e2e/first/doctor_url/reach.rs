//! Faults before the first answer: names, ports, certificates, silence.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use portcullis::base::date::Civil;
use rcgen::date_time_ymd;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::{
    super::super::world::{
        Step, Upstream,
        certificate::{self, Leaf},
        token::now,
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
async fn first_4_doctor_does_not_take_a_missing_certificate_for_mutual_tls() {
    // access_denied is what rustls sends without a certificate, and unrecognized_name OpenSSL.
    for alert in [49, 112] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut hello = [0; 512];
            let _ = tcp.read(&mut hello).await.unwrap();
            tcp.write_all(&[0x15, 3, 3, 0, 2, 2, alert]).await.unwrap();
            let _ = tcp.read(&mut hello).await;
        });
        let url = format!("https://localhost:{port}/mcp");
        let folder = tempfile::tempdir().unwrap();
        let (code, out, _) = super::portcullis(folder.path(), &["doctor", &url]).await;
        server.await.unwrap();
        assert!(code == Some(1) && out.starts_with("fault tls-refused: "), "{alert}: {out}");
        assert!(out.contains("it has no certificate for this name yet"), "{alert}: {out}");
    }
}

#[tokio::test]
async fn first_4_doctor_names_what_is_beside_the_first_answer() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), certificate::authority_pem()).unwrap();
    let in_two_days = Civil::of_day(u64::try_from(now()).unwrap() / 86_400 + 2);
    let leaf = certificate::leaf_but(|params| {
        let part = |value: u64| u8::try_from(value).unwrap();
        let year = i32::try_from(in_two_days.year).unwrap();
        params.not_after = date_time_ymd(year, part(in_two_days.month), part(in_two_days.day));
    });
    let server = with(&leaf).await;
    let found = examined_in(folder.path(), &[&server.url(), "--ca", "ca.pem"]).await;
    assert_eq!(found, [("certificate-ends-soon".to_owned(), server.server.url())]);

    // Plain HTTP at a name of a network: what follows from it is not told again.
    let pretend = Pretend::start().await;
    let url = "http://mcp.example.com/mcp";
    pretend.plant("POST /mcp", |_| {
        let metadata = format!("http://mcp.example.com{}", super::RESOURCE);
        super::challenged(&format!("Bearer resource_metadata=\"{metadata}\""))
    });
    pretend.member(super::RESOURCE, "resource", serde_json::json!(url));
    let at = pretend.server.address().to_string();
    let found = examined(&[url, "--reach-at", &at]).await;
    assert_eq!(found, [("url-not-https".to_owned(), url.to_owned())]);

    // Only the first answer is slow.
    let pretend = Pretend::start().await;
    let (base, is_first) = (pretend.server.url(), AtomicBool::new(true));
    pretend.plant("POST /mcp", move |_| {
        let mut steps = super::good_challenge(&base);
        if is_first.swap(false, Ordering::Relaxed) {
            steps.insert(0, Step::Pause(Duration::from_millis(3_200)));
        }
        steps
    });
    pretend.expect("slow-answer", "POST ").await;
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

#[tokio::test]
async fn first_4_attack_362_an_answer_without_an_end_or_with_control_characters_does_no_harm() {
    let pretend = Pretend::start().await;
    let place = format!("GET {}", super::RESOURCE);
    // Without an end: more than any document.
    pretend.plant(&place, |_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAccess-Control-Allow-Origin: *\r\n\r\n";
        vec![Step::Send(head.into()), Step::Flood(" ".repeat(4096).into(), 1_000_000), Step::Cut]
    });
    pretend.expect("metadata-unreadable", super::RESOURCE).await;
    // What a terminal obeys is not repeated.
    let evil = "http://127.0.0.1:1/\u{1b}]0;owned\u{7}/mcp";
    pretend.member(super::RESOURCE, "resource", serde_json::json!(evil));
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = super::portcullis(folder.path(), &["doctor", &pretend.url(), "-v"]).await;
    assert!(code == Some(1) && out.contains("resource-host"), "{out}");
    assert!((out + &err).chars().all(|character| character == '\n' || !character.is_control()));
}
