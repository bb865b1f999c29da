//! Healthy set-ups with the real gateway: nothing is found, and its token passes.

use super::{
    super::super::{
        login::world::LoginPlan,
        world::{Plan, World, certificate, nginx::Nginx, token::now},
    },
    examined_in, portcullis,
};

/// The pretend issuer has no registration, and no page may read its documents.
const OF_ISSUER: [&str; 4] = ["--ignore", "registration-missing", "--ignore", "issuer-cors"];

async fn silent(world: &World, words: &[&str]) {
    let mut all = OF_ISSUER.to_vec();
    all.extend(words);
    assert_eq!(examined_in(world.folder.path(), &all).await, [], "{words:?}");
}

#[tokio::test]
async fn first_4_doctor_is_silent_about_the_gateway_with_an_issuer_and_with_a_token() {
    let world = World::standard().await;
    std::fs::write(world.folder.path().join("token"), world.token()).unwrap();
    silent(&world, &[&world.resource()]).await;
    silent(&world, &[&format!("{}/", world.resource())]).await;
    silent(&world, &["--config", "gateway.yaml"]).await;
    silent(&world, &["--config", "gateway.yaml", "--token-file", "token"]).await;
    silent(&world, &[&world.resource(), "--origin", "https://app.example"]).await;
    let late = world.mint().claim("exp", serde_json::json!(now() - 3_600)).token();
    std::fs::write(world.folder.path().join("late"), late).unwrap();
    let found = examined_in(
        world.folder.path(),
        &[&world.resource(), "--token-file", "late", "--ignore", "registration-missing"],
    )
    .await;
    assert!(found.len() == 1 && found[0].0 == "token-expired", "{found:?}");
    world.close().await;
}

#[tokio::test]
async fn first_4_doctor_is_silent_about_the_gateway_behind_nginx_with_tls() {
    let world = Plan::standard().tls().start().await;
    let gateway = world.gateway.listening_address();
    let directives = format!(
        "location / {{ proxy_pass https://{gateway}; proxy_set_header Host {}; proxy_ssl_server_name on; proxy_ssl_name localhost;
           proxy_buffering off; }}",
        world.authority
    );
    let Some(nginx) = Nginx::start(&directives).await else { return world.close().await };
    std::fs::write(world.folder.path().join("token"), world.token()).unwrap();
    let at = nginx.url().replace("https://", "");
    silent(&world, &[&world.resource(), "--ca", "ca.pem", "--reach-at", &at, "--token-file", "token"]).await;
    // At the proxy's own name, which is not the gateway's: one cause.
    let url = format!("{}/mcp", nginx.url());
    let mut words = OF_ISSUER.to_vec();
    words.extend([url.as_str(), "--ca", "ca.pem"]);
    let found = examined_in(world.folder.path(), &words).await;
    let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["challenge-metadata-host"], "{found:?}");
    world.close().await;
}

#[tokio::test]
async fn first_4_doctor_is_silent_about_the_gateway_with_its_own_authorization_server() {
    let login = LoginPlan::accounts().start().await;
    let words = [&*login.world.resource(), "--origin", "https://app.example"];
    assert_eq!(examined_in(login.world.folder.path(), &words).await, []);
    login.close().await;
}

#[tokio::test]
async fn first_4_doctor_is_silent_about_the_gateway_with_tls_at_a_name_without_an_address() {
    let world = Plan::standard().tls().start().await;
    silent(&world, &["--config", "gateway.yaml", "--ca", "ca.pem"]).await;
    world.close().await;
}

#[tokio::test]
async fn first_4_doctor_names_the_line_of_the_configuration_and_a_proxy_that_removes_the_token() {
    let world = World::standard().await;
    let folder = world.folder.path();
    std::fs::write(folder.join("token"), world.token()).unwrap();
    let lines = |out: &str| -> Vec<(String, String)> {
        let all: Vec<serde_json::Value> = serde_json::from_str(out).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        all.iter().map(|one| (text(&one["id"]), text(&one["place"]))).collect()
    };
    let words = ["doctor", "--json", "--origin", "http://localhost:6274"];
    let (_, out, _) = portcullis(folder, &words).await;
    let found = lines(&out);
    let origin = found.iter().find(|(id, _)| id == "origin-refused").unwrap_or_else(|| panic!("{out}"));
    assert!(origin.1.ends_with(" servers.main.allowed_origins"), "{origin:?}");
    let registration = found.iter().find(|(id, _)| id == "registration-missing").unwrap_or_else(|| panic!("{out}"));
    assert!(registration.1.ends_with(" authorization_servers.house.issuer"), "{registration:?}");

    let gateway = world.gateway.listening_address();
    let directives = format!(
        "location / {{ proxy_pass http://{gateway}; proxy_set_header Host {}; proxy_set_header Authorization \"\"; }}",
        world.authority
    );
    let Some(nginx) = Nginx::start(&directives).await else { return world.close().await };
    std::fs::write(folder.join("ca.pem"), certificate::authority_pem()).unwrap();
    let mut words = vec!["--ca", "ca.pem", "--token-file", "token", "--reach-at", nginx.url().leak()];
    words.extend(OF_ISSUER);
    let found = examined_in(folder, &words).await;
    assert!(found.len() == 1 && found[0].0 == "proxy-strips-authorization", "{found:?}");
    world.close().await;
}
