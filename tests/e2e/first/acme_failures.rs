//! What does an operator read when no certificate is issued, and does the gateway get over it?

use serde_json::json;
use tokio::time::{Duration, timeout};

use super::acme::{ISSUED, Ordering, end, until};
use crate::e2e::world::{
    command::portcullis,
    pebble::{Pebble, free_port, shake},
};

#[tokio::test]
async fn f46_f43_a_ca_that_is_down_at_the_start_is_asked_again() {
    let ordering = Ordering::new("", &[""]).await;
    let Some(mut pebble) = Pebble::prepare(ordering.ports[0], json!({}), &[]).await else { return };
    ordering.write(&pebble.directory(), &["@DIRECTORY@"]);
    let process = ordering.start().await;
    until(&process, "there is no certificate, and TLS handshakes fail until one is issued", 1).await;
    let said = process.output();
    assert!(said.contains("connection refused") || said.contains("Connection refused"), "{said}");
    let ready = ordering.readyz(&process).await;
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains("no certificate for mcp.example.com yet"), "{ready}");
    // A handshake fails at once, and is told.
    pebble.up().await;
    let client = pebble.client().await;
    let failed = timeout(Duration::from_secs(5), shake(&client, ordering.ports[0], "mcp.example.com")).await;
    if failed.expect("no handshake hangs").is_err() {
        until(&process, "tls_no_certificate", 1).await;
    }
    until(&process, ISSUED, 1).await;
    shake(&client, ordering.ports[0], "mcp.example.com").await.unwrap();
    assert!(ordering.readyz(&process).await.contains("\"notes\":[]"));
    end(process, &ordering).await;
}

#[tokio::test]
async fn first_4_doctor_own_a_gateway_that_waits_for_its_certificate_is_told_as_that() {
    let ordering = Ordering::new("https://localhost:1/dir", &["@DIRECTORY@"]).await;
    let text = std::fs::read_to_string(ordering.path("gateway.yaml")).unwrap();
    let text = text.replace("127.0.0.1:0", &format!("127.0.0.1:{}", free_port().await));
    std::fs::write(ordering.path("gateway.yaml"), text).unwrap();
    let process = ordering.start().await;
    until(&process, "there is no certificate, and TLS handshakes fail until one is issued", 1).await;
    let reach_at = format!("127.0.0.1:{}", ordering.ports[0]);
    let words = ["doctor", "--json", "--reach-at", &reach_at];
    let (code, out, complained) = portcullis(ordering.folder.path(), &words).await;
    let found: Vec<serde_json::Value> = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out} {complained}"));
    let missing = found.iter().find(|one| one["id"] == "certificate-missing");
    let missing = missing.unwrap_or_else(|| panic!("{code:?} {out}"));
    assert!(missing["at"].as_str().unwrap().ends_with(" listen[0].tls.acme"), "{missing}");
    assert!(missing["found"].as_str().unwrap().contains("TLS handshakes fail: "), "the answer of the CA: {missing}");
    assert!(found.iter().all(|one| !one["id"].as_str().unwrap().starts_with("tls-")), "one cause, one finding: {out}");
    end(process, &ordering).await;
}

#[tokio::test]
async fn f42_attack_404_a_validation_that_fails_says_why_and_what_to_do() {
    // Port 443 of the name leads elsewhere.
    let ordering = Ordering::new("", &[""]).await;
    let Some(pebble) = Pebble::start(free_port().await).await else { return };
    ordering.write(&pebble.directory(), &["@DIRECTORY@"]);
    let process = ordering.start().await;
    until(&process, "no validation reached this listener", 1).await;
    let said = process.output();
    assert!(
        said.contains("mcp.example.com: the CA says ") && said.contains("Failed to connect to 127.0.0.1:"),
        "{said}"
    );
    assert!(said.contains("firewalls and port forwardings let port 443 through"), "{said}");
    let ready = ordering.readyz(&process).await;
    assert!(ready.contains("no validation reached this listener"), "{ready}");
    end(process, &ordering).await;
}

#[tokio::test]
async fn f42_a_lost_account_is_replaced_and_a_refused_name_is_told() {
    let ordering = Ordering::new("", &[""]).await;
    let settings = json!({"domainBlocklist": ["blocked.example.com"]});
    let Some(mut pebble) = Pebble::start_with(ordering.ports[0], settings, &[]).await else { return };
    ordering.write(&pebble.directory(), &["@DIRECTORY@, domains: [blocked.example.com]"]);
    let process = ordering.start().await;
    until(&process, "the CA says rejectedIdentifier", 1).await;
    end(process, &ordering).await;

    // The CA has forgotten the account.
    pebble.stop();
    pebble.up().await;
    ordering.write(&pebble.directory(), &["@DIRECTORY@"]);
    let process = ordering.start().await;
    until(&process, "the account in the cache is forgotten: a new one is made at once", 1).await;
    until(&process, ISSUED, 1).await;
    end(process, &ordering).await;
}

#[tokio::test]
async fn f44_two_processes_with_one_folder_order_once() {
    let (one, other) = (Ordering::new("", &[""]).await, Ordering::new("", &[""]).await);
    let Some(pebble) = Pebble::start(one.ports[0]).await else { return };
    let cache = format!("@DIRECTORY@, cache: \"{}\"", one.path("acme").display());
    one.write(&pebble.directory(), &[&cache]);
    other.write(&pebble.directory(), &[&cache]);
    let (first, second) = (one.start().await, other.start().await);
    let client = pebble.client().await;
    let both = async {
        for ordering in [&one, &other] {
            while shake(&client, ordering.ports[0], "mcp.example.com").await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    timeout(Duration::from_secs(60), both).await.expect("both have the certificate");
    assert_eq!(pebble.orders(), 1, "{}", pebble.log());
    end(first, &one).await;
    end(second, &other).await;
}

#[tokio::test]
async fn f44_f41_attack_400_what_cannot_work_is_refused_before_the_start() {
    let ordering = Ordering::new("https://localhost:1/dir", &["@DIRECTORY@"]).await;
    let check = async |acme: &str| {
        ordering.write("https://localhost:1/dir", &[acme]);
        let (code, _, said) = portcullis(ordering.folder.path(), &["check", "--config", "gateway.yaml"]).await;
        (code, said)
    };
    for (acme, wanted) in [
        ("@DIRECTORY@, domains: [\"*.example.com\"]", "cannot prove a wildcard"),
        ("@DIRECTORY@, domains: [192.0.2.7]", "certificates for IP addresses are not ordered"),
        ("@DIRECTORY@, domains: []", "a non-empty list of host names"),
        ("domains: [mcp.example.com]", "listen[0].tls.acme.email"),
        ("email: not-an-address", "one e-mail address"),
        ("email: ops@secret.example, directory: \"http://ca.example/dir\"", "an https:// URL"),
        (
            "email: ops@secret.example, external_account: {key_id: a, key: literal}",
            "a value that is not a reference (not shown)",
        ),
        ("@DIRECTORY@, domain: mcp.example.com", "did you mean \"domains\""),
    ] {
        let (code, said) = check(acme).await;
        assert!(code == Some(2) && said.contains(wanted), "{acme}: {code:?} {said}");
    }
    let (code, said) = check("@DIRECTORY@, domains: [other.example.com]").await;
    assert!(code == Some(0) && said.contains("mcp.example.com among them, the host of public_url"), "{said}");

    // A folder that cannot be one.
    std::fs::write(ordering.path("file"), "").unwrap();
    let (code, said) = check("@DIRECTORY@, cache: file/acme").await;
    assert!(code == Some(0) && said.contains("is not a folder"), "{said}");
    let ended = crate::e2e::world::Process::start(&ordering.path("gateway.yaml"), &[]).await;
    let Err(ended) = ended else { panic!("it started") };
    assert!(ended.output.contains("listen[0].tls.acme.cache: ") && ended.code == Some(2), "{}", ended.output);
}
