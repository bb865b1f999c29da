//! Faults of the gateway's process: ports, limits, another gateway, one that is not ready.

use std::process::Stdio;

use super::{
    super::super::world::{Upstream, process::Process, server},
    Setting, Told, told,
};
use crate::e2e::world::command::Portcullis;

#[tokio::test]
async fn first_4_doctor_own_a_port_that_the_gateway_could_not_have_is_told_with_another() {
    let setting = Setting::start().await;
    let port = |setting: &Setting, of: &str| {
        let line = setting.yaml.lines().find(|line| line.starts_with(of)).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let taken = Upstream::start_at(port(&setting, "  - address").parse().unwrap()).await;
    let told = setting.expect("port-taken", "  - address", "listen[0].address").await;
    assert!(told.line.starts_with("address: \"127.0.0.1:"), "{}", told.line);
    drop(taken);

    let setting = Setting::start().await;
    let admin = Upstream::start_at(port(&setting, "  address").parse().unwrap()).await;
    admin.answer_with(|_| server::json(200, "{}"));
    setting.expect("port-taken", "  address", "admin.address").await;

    let setting = Setting::start().await;
    let address = port(&setting, "  - address");
    let setting = setting.but(&format!("\"{address}\""), "\"192.0.2.1:8443\"\n    plaintext: true");
    let told = setting.expect("address-missing", "  - address", "listen[0].address").await;
    assert!(told.line.is_empty() && told.found.starts_with("192.0.2.1, "), "another port does not help: {told:?}");

    // The address of production, on a machine where a deployment is built.
    let (code, out, err) = Portcullis::at(setting.folder.path()).words(&["check", "--online"]).run().await;
    assert_eq!((code, out.lines().count()), (Some(0), 1), "{out}{err}");
    assert!(err.contains("could not listen on 192.0.2.1:8443"), "{err}");
}

#[tokio::test]
async fn first_4_doctor_own_a_machine_without_a_network_is_told_apart_from_servers_that_are_down() {
    let setting = Setting::start().await;
    let (issuer, upstream) = (setting.issuer.url(), setting.upstream.url());
    let setting = setting.but(&issuer, "https://login.example.com").but(&upstream, "http://weather:8000");
    std::fs::write(setting.path("gateway.yaml"), &setting.yaml).unwrap();
    let run = |words: &'static [&'static str]| {
        let mut command = tokio::process::Command::new("unshare");
        command.args(["-n", env!("CARGO_BIN_EXE_portcullis")]).args(words).current_dir(setting.folder.path());
        async move { command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).output().await.unwrap() }
    };
    if !run(&["--version"]).await.status.success() {
        eprintln!("SKIPPED: this user may not make a network of its own (unshare -n)");
        return;
    }
    let output = run(&["check", "--online"]).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(1) && text.contains("fault no-network: "), "{text}");
    assert!(
        text.contains("not reached: authorization_servers.corporate.issuer, servers.weather.upstream.url"),
        "{text}"
    );
    assert_eq!(text.matches("fault ").count(), 1, "{text}");
}

#[tokio::test]
async fn first_4_doctor_own_an_open_admin_port_and_a_missing_session_key_are_told() {
    let setting = Setting::start().await;
    let line = setting.yaml.lines().find(|line| line.starts_with("  address")).unwrap().to_owned();
    let setting = setting.but(&line, &line.replace("127.0.0.1", "0.0.0.0"));
    let told = setting.expect("admin-public", "  address: \"0.0.0.0", "admin.address").await;
    assert!(told.line.starts_with("admin: {address: \"127.0.0.1:"), "{}", told.line);

    let kubernetes: &[(&str, &str)] = &[("KUBERNETES_SERVICE_HOST", "10.0.0.1")];
    let all = setting.found_with(kubernetes).await;
    assert!(all.iter().all(|one| one.id != "admin-public"), "probes ask the address of a pod: {all:#?}");
    let told = setting.among("session-keys-missing", "public_url", "session_keys", &all);
    assert_eq!(told.line, "session_keys: [\"env:SESSION_KEY\"]");
}

#[tokio::test]
async fn first_8_check_public_rules_of_one_replica_with_session_keys_are_no_warning() {
    let setting = Setting::start().await.but("access: authenticated", "rules: [{tools: ['a_*'], public: true}]");
    let setting = setting.but("public_url:", "session_keys: [\"file:session.key\"]\npublic_url:");
    let setting = setting.file("session.key", "0123456789abcdef0123456789abcdef", 0o600);
    std::fs::write(setting.path("gateway.yaml"), &setting.yaml).unwrap();
    let (_, out, err) = Portcullis::at(setting.folder.path()).words(&["check"]).run().await;
    let text = out + &err;
    let line = text.lines().find(|line| line.contains("with several replicas"));
    assert!(line.is_some_and(|line| line.starts_with("note: ")), "{text}");
}

#[tokio::test]
async fn first_4_doctor_own_a_low_limit_on_open_files_is_told() {
    let setting = Setting::start().await;
    std::fs::write(setting.path("gateway.yaml"), &setting.yaml).unwrap();
    let script = format!("ulimit -n 200 && exec {} doctor --json", env!("CARGO_BIN_EXE_portcullis"));
    let mut command = tokio::process::Command::new("/bin/sh");
    command.args(["-c", &script]).current_dir(setting.folder.path()).env_clear().stdin(Stdio::null());
    let output = command.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let all: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(all.iter().any(|one| one["id"] == "descriptors-low"), "{text}");
}

#[tokio::test]
async fn first_4_doctor_own_a_gateway_of_another_file_and_one_that_is_not_ready_are_told() {
    let setting = Setting::start().await;
    std::fs::write(setting.path("gateway.yaml"), &setting.yaml).unwrap();
    let gateway = Process::start(&setting.path("gateway.yaml"), &[]).await.ok().expect("the gateway starts");
    let found = setting.found().await;
    assert!(own(&found).is_empty(), "{found:#?}");

    let other = Setting { yaml: setting.yaml.replace("weather", "climate"), ..setting };
    let found = other.expect("gateway-other-file", "  climate:", "servers.climate").await;
    assert!(found.found.contains("without the server climate"), "{}", found.found);
    drop(gateway);

    let setting = Setting { yaml: other.yaml, ..other };
    setting.issuer.answer_with(|_| server::json(404, "{}"));
    std::fs::write(setting.path("gateway.yaml"), &setting.yaml).unwrap();
    let _gateway = Process::start(&setting.path("gateway.yaml"), &[]).await.ok().expect("the gateway starts");
    let found = setting.expect("gateway-not-ready", "public_url", "").await;
    assert!(found.found.contains("climate") || found.found.contains("corporate"), "{}", found.found);
}

/// Those of the process.
fn own(all: &[Told]) -> Vec<&Told> {
    all.iter().filter(|one| one.id.starts_with("gateway-") || one.id.starts_with("port-")).collect()
}

#[tokio::test]
async fn first_4_doctor_own_a_gateway_whose_admin_port_is_out_of_reach_is_not_taken_for_another_program() {
    let setting = Setting::start().await;
    std::fs::write(setting.path("gateway.yaml"), &setting.yaml).unwrap();
    let _gateway = Process::start(&setting.path("gateway.yaml"), &[]).await.ok().expect("the gateway starts");
    let line = setting.yaml.lines().find(|line| line.starts_with("  address")).unwrap();
    let elsewhere = setting.yaml.replace(line, "  address: \"127.0.0.1:9\"");
    std::fs::write(setting.path("elsewhere.yaml"), elsewhere).unwrap();
    let run = Portcullis::at(setting.folder.path()).words(&["doctor", "--json", "--config", "elsewhere.yaml"]);
    let all = told(run).await;
    assert!(all.iter().all(|one| !one.at.ends_with("listen[0].address")), "{all:#?}");
}
