//! Are issuers with `reach_at`, and a gateway whose name leads nowhere here, examined as the gateway reaches them?

use rcgen::SanType;
use tokio_rustls::TlsAcceptor;

use super::{
    super::super::world::{Seen, Step, Upstream, certificate, command::Portcullis},
    Setting, authorization_server, files,
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
