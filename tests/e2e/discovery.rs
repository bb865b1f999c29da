//! Is what clients discover before they have a token what the RFCs say (SPEC A-01…A-22)?

use serde_json::{Value, json};

use super::world::{Ask, Plan, Reply, World, call, issuer::METADATA_PATHS, server};

const PRM: &str = "/.well-known/oauth-protected-resource/mcp";
const ROOT_PRM: &str = "/.well-known/oauth-protected-resource";

const TWO_SERVERS: &str = r#"
  first:
    path: /a/mcp
    upstream: {url: "@UPSTREAM@/mcp"}
    scopes: ["a:use"]
    access: authenticated
  second:
    path: /b/mcp
    upstream: {url: "@UPSTREAM@/mcp"}
    scopes: ["b:use"]
    access: authenticated
"#;

#[tokio::test]
async fn a01_a15_the_document_is_public_json() {
    let world = World::standard().await;
    let reply = world.send(&Ask::get(PRM)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(reply.json().is_object());
    assert_eq!(world.upstream.count(), 0, "discovery is never proxied");
    world.close().await;
}

#[tokio::test]
async fn a01_attack_156_nothing_in_the_request_changes_the_document() {
    let world = World::standard().await;
    let expected = world.send(&Ask::get(PRM)).await;
    for ask in [
        Ask::get(&format!("{PRM}?resource=https%3A%2F%2Fevil.example%2Fmcp")),
        Ask::get(PRM).set("Accept", "text/html"),
        Ask::get(PRM).set("Accept", "application/xml;q=1, */*;q=0"),
    ] {
        let reply = world.send(&ask).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{ask:?}");
        assert_eq!(reply.text(), expected.text(), "{ask:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn a02_the_well_known_part_is_inserted_never_appended() {
    let world = Plan::standard().servers(TWO_SERVERS).start().await;
    assert_eq!(world.send(&Ask::get("/.well-known/oauth-protected-resource/a/mcp")).await.status, 200);
    let appended = world.send(&Ask::get("/a/mcp/.well-known/oauth-protected-resource")).await;
    assert!(matches!(appended.status, 401 | 404), "{appended:?}");
    world.close().await;
}

#[tokio::test]
async fn a03_a_server_at_the_root_has_its_document_at_the_root() {
    let servers = "\n  main:\n    path: /\n    upstream: {url: \"@UPSTREAM@/mcp\"}\n    access: authenticated\n";
    let world = Plan::standard().servers(servers).start().await;
    let reply = world.send(&Ask::get(ROOT_PRM)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json()["resource"], json!(world.public), "no trailing slash");
    // SPEC B-14: older clients send the URL with the slash that their URL type adds.
    for audience in [world.public.clone(), format!("{}/", world.public)] {
        let ask = Ask::post("/", call("safe")).token(&world.issuer.mint(&audience).token());
        assert_eq!(world.send(&ask).await.status, 200, "b14: aud {audience}");
    }
    world.close().await;
}

#[tokio::test]
async fn a04_f06_resource_comes_from_public_url_whatever_the_request_says() {
    let world = World::standard().await;
    let plain = world.send(&Ask::get(PRM)).await.json();
    assert_eq!(plain["resource"], json!(world.resource()));
    for (name, value) in [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X-Forwarded-Port", "1"),
        ("Forwarded", "host=evil.example;proto=https"),
        ("X-Original-URL", "/evil"),
    ] {
        let reply = world.send(&Ask::get(PRM).with(name, value)).await;
        assert_eq!(reply.json(), plain, "{name}");
        let challenge = world.send(&Ask::get("/mcp").with(name, value)).await.challenge();
        assert!(challenge.contains(&format!("\"{}{PRM}\"", world.public)), "{name}: {challenge}");
    }
    world.close().await;
}

#[tokio::test]
async fn attack_100_a_spoofed_host_leaves_every_document_as_it_is() {
    let world = World::standard().await;
    let issuer = METADATA_PATHS.map(|path| path.to_owned());
    for path in [PRM.to_owned(), ROOT_PRM.to_owned()].into_iter().chain(issuer) {
        let plain = world.send(&Ask::get(&path)).await;
        assert_eq!(plain.status, 200, "{path}");
        let same = |reply: &Reply| reply.body == plain.body && reply.header("etag") == plain.header("etag");
        // Names that are ours on this machine, none of which `public_url` has.
        for host in ["localhost", "localhost:1", "LOCALHOST:443", "127.0.0.1", "[::1]:7"] {
            let reply = world.send(&Ask::get(&path).with("Host", host)).await;
            assert!(reply.status == 200 && same(&reply), "{path}, Host {host}: {reply:?}");
        }
        for (name, value) in [
            ("X-Forwarded-Host", "evil.example"),
            ("Forwarded", "host=evil.example"),
            ("X-Host", "evil.example"),
            ("X-Original-Host", "evil.example"),
            ("X-Forwarded-Server", "evil.example"),
        ] {
            let reply = world.send(&Ask::get(&path).with(name, value)).await;
            assert!(reply.status == 200 && same(&reply), "{path}, {name}: {reply:?}");
        }
        let own = world.authority.clone();
        let beside = format!("{own}.evil.example");
        let refused = [
            Ask::get(&path).with("Host", "evil.example"),
            Ask::get(&path).with("Host", "evil.example:443"),
            Ask::get(&path).with("Host", &beside),
            Ask::get(&path).with("Host", format!("{own}@evil.example")),
            Ask::get(&path).with("Host", format!("evil.example@{own}")),
            Ask::get(&path).with("Host", format!("{own}, evil.example")),
            Ask::get(&path).with("Host", &own).with("Host", "evil.example"),
            Ask::get(&path).with("Host", "evil.example").with("Host", &own),
            Ask::get(&format!("http://evil.example{path}")),
            Ask::get(&format!("http://evil.example{path}")).with("Host", "evil.example"),
        ];
        for ask in refused {
            let reply = world.send(&ask).await;
            assert!(matches!(reply.status, 400 | 421), "{ask:?}: {reply:?}");
            let said = format!("{:?}{}", reply.headers, reply.text());
            assert!(!said.contains("evil.example"), "{ask:?}: {said}");
            assert!(!said.contains("max-age"), "no cache keeps it: {said}");
        }
    }
    let challenge = world.send(&Ask::post("/mcp", call("safe")).with("Host", "localhost:1")).await.challenge();
    assert!(challenge.contains(&format!("\"{}{PRM}\"", world.public)), "{challenge}");
    world.close().await;
}

#[tokio::test]
async fn a05_a06_a07_d54_bad_public_urls_and_empty_issuer_lists_stop_the_start() {
    let servers = "servers:\n  main:\n    path: /mcp\n    upstream: {url: \"http://127.0.0.1:9/mcp\"}\n    access: authenticated\n";
    for (name, public, issuers) in [
        ("a fragment", "https://gw.example/#x", "  h: {issuer: \"https://as.example\"}"),
        ("user info", "https://user@gw.example", "  h: {issuer: \"https://as.example\"}"),
        ("http off loopback", "http://gw.example", "  h: {issuer: \"https://as.example\"}"),
        ("another scheme", "javascript:alert(1)", "  h: {issuer: \"https://as.example\"}"),
        ("no issuer", "https://gw.example", "  {}"),
    ] {
        let yaml = format!(
            "public_url: \"{public}\"\nlisten: [{{address: \"127.0.0.1:0\"}}]\nauthorization_servers:\n{issuers}\n{servers}"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.yaml");
        std::fs::write(&path, yaml).unwrap();
        let Err(ended) = super::world::Process::start(&path, &[]).await else { panic!("{name}: it started") };
        assert_eq!(ended.code, Some(2), "{name}: {}", ended.output);
    }
}

#[tokio::test]
async fn a07_a08_a09_a10_a11_a12_a13_members_of_the_document() {
    let world = World::standard().await;
    let document = world.send(&Ask::get(PRM)).await.json();
    assert_eq!(document["authorization_servers"], json!([world.issuer.url()]));
    assert_eq!(document["bearer_methods_supported"], json!(["header"]));
    let scopes = document["scopes_supported"].as_array().expect("scopes_supported").clone();
    assert!(scopes.contains(&json!("mcp:connect")));
    assert!(!scopes.contains(&json!("offline_access")), "a10");
    for (name, value) in document.as_object().unwrap() {
        assert!(!value.is_null() && *value != json!([]) && *value != json!({}), "a11: {name} is empty");
    }
    for absent in [
        "dpop_signing_alg_values_supported",
        "dpop_bound_access_tokens_required",
        "tls_client_certificate_bound_access_tokens",
        "signed_metadata",
    ] {
        assert!(document.get(absent).is_none(), "a13: {absent} is advertised");
    }
    world.close().await;

    let no_scopes = "\n  main:\n    path: /mcp\n    upstream: {url: \"@UPSTREAM@/mcp\"}\n    access: authenticated\n";
    let world = Plan::standard().servers(no_scopes).start().await;
    assert!(world.send(&Ask::get(PRM)).await.json().get("scopes_supported").is_none(), "a11");
    world.close().await;
}

#[tokio::test]
async fn a14_the_upstreams_own_document_is_never_relayed() {
    let world = World::standard().await;
    world.upstream.answer_with(|_| server::json(200, r#"{"resource":"https://evil.example/mcp"}"#));
    let reply = world.send(&Ask::get(PRM)).await;
    assert_eq!(reply.json()["resource"], json!(world.resource()));
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}

#[tokio::test]
async fn a16_attack_155_unknown_well_known_documents_are_plain_404s() {
    let world = World::standard().await;
    for path in [
        "/.well-known/openid-federation",
        "/.well-known/oauth-protected-resource/other",
        "/.well-known/oauth-protected-resource/mcp//",
        "/.well-known/oauth-protected-resource/MCP",
        "/.well-known/oauth-protected-resource/mcp/x",
        "/.well-known/",
        "/register",
        "/authorize",
        "/token",
        "/unknown",
    ] {
        let reply = world.send(&Ask::get(path)).await;
        assert_eq!(reply.status, 404, "{path}: {reply:?}");
        assert!(reply.header("www-authenticate").is_none(), "{path}");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{path}");
        let _: Value = reply.json();
    }
    for path in [
        "/.well-known/oauth-protected-resource/../x",
        "/.well-known//oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource/%6dcp",
    ] {
        let reply = world.send(&Ask::get(path)).await;
        assert!(matches!(reply.status, 400 | 404), "{path}: {reply:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn a17_nothing_redirects() {
    let world = World::standard().await;
    let token = world.token();
    for path in ["/mcp/", "/mcp", PRM, "/", "/.well-known/oauth-protected-resource/"] {
        for ask in [Ask::get(path), Ask::get(path).token(&token)] {
            let reply = world.send(&ask).await;
            assert!(!(300..400).contains(&reply.status), "{path}: {reply:?}");
            assert!(reply.header("location").is_none(), "{path}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn a18_a19_root_forms_exist_for_one_server_alone() {
    let one = World::standard().await;
    let root = one.send(&Ask::get(ROOT_PRM)).await;
    assert_eq!(root.status, 200);
    assert_eq!(root.json(), one.send(&Ask::get(PRM)).await.json(), "the same document as the server's");
    one.close().await;

    let two = Plan::standard().servers(TWO_SERVERS).start().await;
    assert_eq!(two.send(&Ask::get(ROOT_PRM)).await.status, 404);
    let first = two.send(&Ask::get("/.well-known/oauth-protected-resource/a/mcp")).await;
    let second = two.send(&Ask::get("/.well-known/oauth-protected-resource/b/mcp")).await;
    assert_eq!(first.json()["resource"], json!(format!("{}/a/mcp", two.public)));
    assert_eq!(second.json()["resource"], json!(format!("{}/b/mcp", two.public)));
    assert!(!first.text().contains("b:use") && !second.text().contains("a:use"), "scopes stay with their server");
    assert_eq!(two.send(&Ask::get("/.well-known/oauth-protected-resource/c/mcp")).await.status, 404);
    two.close().await;

    let marked = TWO_SERVERS.replacen("    access", "    root: true\n    access", 1);
    let marked = Plan::standard().servers(&marked).start().await;
    let root = marked.send(&Ask::get(ROOT_PRM)).await;
    assert_eq!(root.json()["resource"], json!(format!("{}/a/mcp", marked.public)));
    marked.close().await;
}

#[tokio::test]
async fn a21_documents_may_be_cached_for_minutes_and_revalidated() {
    let world = World::standard().await;
    let reply = world.send(&Ask::get(PRM)).await;
    let cache = reply.header("cache-control").unwrap_or_default().to_owned();
    let age = cache.split("max-age=").nth(1).and_then(|rest| rest.split(',').next()?.trim().parse::<u32>().ok());
    assert!(cache.contains("public") && age.is_some_and(|age| (300..=3600).contains(&age)), "{cache}");
    let tag = reply.header("etag").expect("an ETag").to_owned();
    let again = world.send(&Ask::get(PRM).with("If-None-Match", &tag)).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(world.send(&Ask::get(PRM).with("If-None-Match", "\"other\"")).await.status, 200);
    world.close().await;
}

#[tokio::test]
async fn a22_head_works_and_other_methods_do_not() {
    let world = World::standard().await;
    let get = world.send(&Ask::get(PRM)).await;
    let head = world.send(&Ask::new("HEAD", PRM)).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("etag"), get.header("etag"));
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let reply = world.send(&Ask::new(method, PRM).body("")).await;
        assert_eq!(reply.status, 405, "{method}");
        assert_eq!(reply.header("allow"), Some("GET, HEAD, OPTIONS"), "{method}");
    }
    world.close().await;
}

#[tokio::test]
async fn a24_a25_the_issuers_metadata_is_mirrored_live_with_last_good() {
    let world = World::standard().await;
    let forms = [
        METADATA_PATHS[0].to_owned(),
        METADATA_PATHS[1].to_owned(),
        format!("{}/mcp", METADATA_PATHS[0]),
        format!("{}/mcp", METADATA_PATHS[1]),
        format!("/mcp{}", METADATA_PATHS[0]),
        format!("/mcp{}", METADATA_PATHS[1]),
    ];
    for path in &forms {
        let reply = world.send(&Ask::get(path)).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        assert_eq!(reply.json()["issuer"], json!(world.issuer.url()), "{path}: unchanged");
    }
    world.issuer.server().stop();
    assert_eq!(world.send(&Ask::get(&forms[0])).await.status, 200, "the last good one");
    assert_eq!(world.upstream.count(), 0);
    world.close().await;
}
