//! Is doctor silent on set-ups that work, and does the whole of these tests plant 40 faults?

use super::{
    super::super::world::{certificate, command::Portcullis, nginx::Nginx, process::Process, redis::Redis},
    Setting, files,
};

/// The gateway of `setting` runs, at a public URL that leads to it, and doctor says nothing.
pub(super) async fn is_silent(name: &str, setting: Setting, words: &[&str], variables: &[(&str, &str)]) {
    let path = setting.path("gateway.yaml");
    std::fs::write(&path, &setting.yaml).unwrap();
    let environment: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let started = Process::start(&path, &environment).await;
    let _gateway = started.unwrap_or_else(|ended| panic!("{name}: the gateway does not start: {}", ended.output));
    let mut run = Portcullis::at(setting.folder.path()).words(&["doctor"]).words(words);
    for (name, value) in variables {
        run = run.variable(name, value);
    }
    let (code, told, complained) = run.run().await;
    assert_eq!((code, told.as_str(), complained.as_str()), (Some(0), "", ""), "{name}");
}

/// The public URL is the listener itself.
pub(super) fn at_its_listener(setting: Setting) -> Setting {
    let line = setting.yaml.lines().find(|line| line.starts_with("  - address")).unwrap();
    let url = format!("http://{}", line.split('"').nth(1).unwrap());
    setting.but("https://gw.example", &url)
}

#[tokio::test]
async fn first_4_doctor_is_silent_on_one_issuer() {
    is_silent("one issuer", at_its_listener(Setting::start().await), &[], &[]).await;
}

#[tokio::test]
async fn first_4_doctor_is_silent_on_the_embedded_server_with_a_file() {
    is_silent("embedded, file", at_its_listener(files::embedded().await), &[], &[]).await;
}

#[tokio::test]
async fn first_4_doctor_is_silent_on_the_embedded_server_with_redis() {
    let Some(redis) = Redis::start("hunter2hunter2").await else {
        eprintln!("SKIPPED: redis-server is not installed");
        return;
    };
    let setting = at_its_listener(files::embedded().await).but("file: portcullis.db", "redis: \"env:REDIS_URL\"");
    is_silent("embedded, Redis", setting, &[], &[("REDIS_URL", &redis.url())]).await;
}

#[tokio::test]
async fn first_4_doctor_is_silent_behind_nginx() {
    let setting = files::embedded().await.file("ca.pem", certificate::authority_pem(), 0o644);
    let line = setting.yaml.lines().find(|line| line.starts_with("  - address")).unwrap();
    let address = line.split('"').nth(1).unwrap().to_owned();
    let directives = format!(
        "location / {{ proxy_pass http://{address}; proxy_set_header Host $http_host; proxy_buffering off; \
         proxy_set_header X-Forwarded-For $remote_addr; proxy_http_version 1.1; }}"
    );
    let Some(nginx) = Nginx::start(&directives).await else { return };
    let setting = setting.but("https://gw.example", &format!("{}\ntrusted_proxies: [127.0.0.1]", nginx.url()));
    is_silent("behind nginx", setting, &["--ca", "ca.pem"], &[]).await;
}

#[tokio::test]
async fn first_4_doctor_is_silent_on_api_keys_alone() {
    let setting = at_its_listener(Setting::start().await);
    let issuer = format!("authorization_servers:\n  corporate:\n    issuer: {}\n", setting.issuer.url());
    let setting = setting.but(&issuer, "keys: {file: keys.yaml}\n");
    let entry = "keys:\n  - name: ci\n    sha256: \"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\"\n    servers: [weather]\n";
    let setting = setting.file("keys.yaml", entry, 0o600);
    // No gateway runs yet.
    let path = setting.path("gateway.yaml");
    std::fs::write(&path, &setting.yaml).unwrap();
    let (code, told, _) = Portcullis::at(setting.folder.path()).words(&["doctor"]).run().await;
    assert!(code == Some(1) && told.contains("connection-refused"), "{told}");
    is_silent("API keys alone", setting, &[], &[]).await;
}

#[tokio::test]
async fn first_4_doctor_is_silent_on_several_servers() {
    let setting = at_its_listener(Setting::start().await);
    let second = format!(
        "\nservers:\n  climate:\n    path: /climate/mcp\n    root: true\n    upstream: {{url: \"{}/mcp\"}}\n    scopes: [climate:read]\n    \
         rules: [{{tools: [\"*\"], scopes: [climate:write]}}]\n",
        setting.upstream.url()
    );
    is_silent("several servers", setting.but("\nservers:\n", &second), &[], &[]).await;
}

#[tokio::test]
async fn first_4_doctor_every_finding_of_the_sources_is_in_the_catalogue_and_40_are_planted() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let ids = |folder: &str, before: &str| {
        let mut all = std::collections::BTreeSet::new();
        let mut open = vec![root.join(folder)];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            all.extend(text.split(before).skip(1).filter_map(|rest| Some(rest.split('"').nth(1)?.to_owned())));
        }
        all
    };
    let known = ids("src/cli/doctor/catalogue", "id: ");
    let planted: std::collections::BTreeSet<String> = {
        let mut texts = String::new();
        for file in ["doctor_own", "doctor_url"] {
            let mut open =
                vec![root.join("tests/e2e/first").join(file), root.join(format!("tests/e2e/first/{file}.rs"))];
            while let Some(path) = open.pop() {
                if path.is_dir() {
                    open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                } else if let Ok(text) = std::fs::read_to_string(&path) {
                    texts.push_str(&text);
                }
            }
        }
        known.iter().filter(|id| texts.contains(&format!("\"{id}\""))).cloned().collect()
    };
    assert!(planted.len() >= 40, "{}: {planted:?}", planted.len());
    let made = ids("src/cli/doctor", "Finding::new(");
    let unknown: Vec<&String> = made
        .iter()
        .filter(|id| {
            id.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
                && !known.contains(*id)
        })
        .collect();
    assert!(unknown.is_empty(), "not in the catalogue: {unknown:?}");
}
