//! Are issuers with `reach_at`, and a gateway whose name leads nowhere here, examined as the gateway reaches them?

use std::net::SocketAddr;

use rcgen::SanType;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{
    super::super::world::{Seen, Step, Upstream, certificate, command::Portcullis, server},
    METADATA, Setting, authorization_server, files,
    healthy::{at_its_listener, is_silent},
};

const PUBLIC: &str = "https://login.corp.test";
const SECRET: &[(&str, &str)] = &[("SECRET", "hunter2hunter2")];

/// An authorization server that builds its URLs from what a proxy tells it, as those in a cluster do.
fn as_told(seen: &Seen) -> Vec<Step> {
    let scheme = seen.header("x-forwarded-proto").unwrap_or("http");
    authorization_server(&format!("{scheme}://{}", seen.header("host").unwrap()), seen)
}

/// An authorization server that has a certificate for this host alone, and its port.
async fn with_certificate_for(host: &str) -> Upstream {
    let names = vec![SanType::DnsName(host.try_into().unwrap())];
    let leaf = certificate::leaf_but(|params| params.subject_alt_names = names);
    let server = Upstream::start(Some(TlsAcceptor::from(leaf.server_config()))).await;
    server.answer_with(as_told);
    server
}

/// The issuer of `setting` under its public name, with these keys.
fn named(setting: Setting, keys: &str) -> Setting {
    let issuer = format!("    issuer: {}\n", setting.issuer.url());
    setting.but(&issuer, &format!("    issuer: {PUBLIC}\n    {keys}\n"))
}

/// The exit code of `check --online`, and what it prints.
async fn online(setting: &Setting, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    std::fs::write(setting.path("gateway.yaml"), &setting.yaml).unwrap();
    let run = Portcullis::at(setting.folder.path()).words(&["check", "--online"]);
    let run = variables.iter().fold(run, |run, (name, value)| run.variable(name, value));
    let (code, out, _) = run.run().await;
    (code, out)
}

/// Neither `check --online` nor `doctor`, beside the running gateway, finds anything.
async fn is_healthy(name: &str, setting: Setting) {
    let (code, out) = online(&setting, &[]).await;
    assert_eq!(code, Some(0), "{name}: {out}");
    is_silent(name, at_its_listener(setting), &[], &[]).await;
}

#[tokio::test]
async fn first_4_doctor_own_an_issuer_that_is_reached_inside_is_asked_as_the_gateway_asks_it() {
    let setting = Setting::start().await;
    setting.issuer.answer_with(as_told);
    let place = format!("reach_at: \"{}\"\n    allow_http: true", setting.issuer.url());
    is_healthy("plain HTTP", named(setting, &place)).await;

    let server = with_certificate_for("localhost").await;
    let setting = Setting::start().await.file("ca.pem", certificate::authority_pem(), 0o644);
    let place = format!("reach_at: \"https://localhost:{}\"\n    ca: ca.pem", server.address().port());
    is_healthy("a name inside", named(setting, &place)).await;

    let setting = files::embedded().await;
    setting.issuer.answer_with(as_told);
    let oidc = format!(
        "        oidc: {{issuer: \"{PUBLIC}\", reach_at: \"{}\", allow_http: true, client_id: gateway, client_secret: \
         \"env:SECRET\"}}\n",
        setting.issuer.url()
    );
    let (code, out) = online(&setting.but("        accounts: accounts.yaml\n", &oidc), SECRET).await;
    assert_eq!(code, Some(0), "the company's provider: {out}");
}

#[tokio::test]
async fn first_4_doctor_own_a_certificate_that_the_gateway_refuses_is_told() {
    // For the public name alone, at a place that is named otherwise.
    let server = with_certificate_for("login.corp.test").await;
    let place = format!("reach_at: \"https://127.0.0.1:{}\"\n    ca: ca.pem", server.address().port());
    let setting = named(Setting::start().await.file("ca.pem", certificate::authority_pem(), 0o644), &place);
    let (code, out) = online(&setting, &[]).await;
    assert!(code == Some(1) && out.contains("fault issuer-tls"), "{code:?} {out}");
    assert!(out.contains("a certificate for 127.0.0.1, the host of `reach_at`"), "{out}");

    // Of a public authority, where `ca` names another.
    let server = with_certificate_for("localhost").await;
    let place = format!("reach_at: \"https://localhost:{}\"\n    ca: ca.pem", server.address().port());
    let setting = Setting::start().await.file("ca.pem", &certificate::leaf().certificate, 0o644);
    let setting = named(setting.file("public.pem", certificate::authority_pem(), 0o644), &place);
    let (code, out) = online(&setting, &[("SSL_CERT_FILE", "public.pem")]).await;
    assert!(code == Some(1) && out.contains("fault issuer-tls"), "{code:?} {out}");
}

#[tokio::test]
async fn first_4_doctor_own_the_embedded_server_is_examined_at_the_listener_too_if_the_name_leads_nowhere() {
    let setting = files::embedded().await.but("https://gw.example", "https://gw.invalid");
    is_silent("a name without an address", setting, &[], &[]).await;
}

#[tokio::test]
async fn first_4_doctor_own_attack_446_no_name_of_an_upstreams_certificate_is_a_line_to_write() {
    let server = with_certificate_for("evil.example").await;
    let setting = Setting::start().await.file("ca.pem", certificate::authority_pem(), 0o644);
    let at = format!("url: {}/mcp", setting.upstream.url());
    let there = format!("url: https://127.0.0.1:{}/mcp\n      ca: ca.pem", server.address().port());
    let told = setting
        .but(&at, &there)
        .expect("upstream-tls-name", "      url: https://", "servers.weather.upstream.url")
        .await;
    assert!(told.line.is_empty() && told.found.contains("evil.example") && told.fix.contains("confirms"), "{told:?}");
}

#[tokio::test]
async fn first_4_doctor_own_clients_that_are_chosen_are_no_reason_to_let_all_register() {
    for chosen in [
        "      clients: [{id: kiosk, redirect_uris: [\"https://kiosk.example/callback\"]}]\n",
        "      registration: {dynamic: off}\n      clients: [{id: kiosk, redirect_uris: [\"https://kiosk.example/callback\"]}]\n",
    ] {
        let setting = files::embedded().await.but("      registration: {dynamic: open}\n", chosen);
        is_silent("chosen clients", at_its_listener(setting), &[], &[]).await;
    }
}

/// A forward proxy that leads every name to one address: where it listens.
async fn proxy_to(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut TcpStream::connect(to).await.unwrap()).await;
            });
        }
    });
    at
}

#[tokio::test]
async fn first_4_doctor_asks_an_issuer_whose_name_the_forward_proxy_alone_knows() {
    const BASE: &str = "https://mcp.corp.invalid";
    const RESOURCE: &str = "/.well-known/oauth-protected-resource/mcp";
    let there = with_certificate_for("mcp.corp.invalid").await;
    there.answer_with(|seen| match seen.target.as_str() {
        "/mcp" => {
            let challenge = format!("Bearer resource_metadata=\"{BASE}{RESOURCE}\"");
            server::full(401, &[("WWW-Authenticate", &challenge)], "")
        }
        RESOURCE => {
            let document = json!({"resource": format!("{BASE}/mcp"), "authorization_servers": [BASE]});
            server::json(200, document.to_string())
        }
        _ => authorization_server(BASE, seen),
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), certificate::authority_pem()).unwrap();
    let run = Portcullis::at(folder.path()).words(&["doctor", "https://mcp.corp.invalid/mcp", "--ca", "ca.pem"]);
    let (_, out, _) = run.variable("HTTPS_PROXY", &format!("http://{}", proxy_to(there.address()).await)).run().await;
    assert!(!out.contains("issuer-unreachable") && there.count_of(METADATA) > 0, "{out}");
}
