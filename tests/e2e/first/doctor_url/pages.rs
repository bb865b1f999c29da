//! Planted faults that only clients in a browser meet.

use super::{METADATA, Pretend, RESOURCE, metadata, resource, server, with_cors};

const ALLOW: (&str, &str) = ("Access-Control-Allow-Origin", "*");

#[tokio::test]
async fn first_4_doctor_names_what_a_page_may_not_do() {
    let pretend = Pretend::start().await;
    let all = "authorization, content-type, mcp-protocol-version";
    for (status, fields, id) in [
        (401, vec![], "cors-preflight-refused"),
        (405, vec![ALLOW], "cors-preflight-refused"),
        (204, vec![("Access-Control-Allow-Headers", all)], "cors-origin-not-allowed"),
        (204, vec![ALLOW, ("Access-Control-Allow-Headers", "*")], "cors-authorization-not-allowed"),
        (204, vec![ALLOW, ("Access-Control-Allow-Headers", "authorization")], "cors-headers-not-allowed"),
    ] {
        pretend.plant("OPTIONS /mcp", move |_| server::full(status, &fields, ""));
        pretend.expect(id, "OPTIONS ").await;
    }

    let pretend = Pretend::start().await;
    let challenge = format!("Bearer resource_metadata=\"{}{RESOURCE}\"", pretend.server.url());
    let plain = challenge.clone();
    pretend.plant("POST /mcp", move |_| server::full(401, &[("WWW-Authenticate", &plain)], ""));
    pretend.expect("cors-missing-on-401", "POST ").await;
    pretend.plant("POST /mcp", move |_| server::full(401, &[("WWW-Authenticate", &challenge), ALLOW], ""));
    pretend.expect("cors-challenge-not-exposed", "POST ").await;

    let json = [("Content-Type", "application/json")];
    let pretend = Pretend::start().await;
    let body = resource(&pretend.server.url()).to_string();
    pretend.plant(&format!("GET {RESOURCE}"), move |_| server::full(200, &json, &body));
    pretend.expect("cors-missing-on-metadata", RESOURCE).await;
    let pretend = Pretend::start().await;
    let body = metadata(&pretend.server.url()).to_string();
    pretend.plant(&format!("GET {METADATA}"), move |_| server::full(200, &json, &body));
    pretend.expect("issuer-cors", METADATA).await;
}

#[tokio::test]
async fn first_4_a_server_that_refuses_pages_has_decided_so_unless_the_user_names_one() {
    let pretend = Pretend::start().await;
    let base = pretend.server.url();
    pretend.plant("POST /mcp", move |seen| match seen.header("origin") {
        Some(_) => with_cors(403, &[], ""),
        None => super::good_challenge(&base),
    });
    pretend.plant("OPTIONS /mcp", |_| server::full(403, &[], ""));
    assert_eq!(pretend.found().await, []);
    let found = super::examined(&[&pretend.url(), "--origin", "https://app.example"]).await;
    assert!(found.len() == 1 && found[0].0 == "origin-refused", "{found:?}");
}
