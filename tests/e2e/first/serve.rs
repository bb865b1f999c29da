//! `serve`: one command to a protected server, with flags or variables, and without a file.

use std::{fs, time::Duration};

use serde_json::json;
use tokio::time::sleep;

use crate::e2e::{
    login::{browser::Browser, client::Client, world::LoginWorld, world::PASSWORD},
    world::{Ask, Plan, Process, call, command::Portcullis},
};

const ACCOUNTS: &str = "accounts:
  - {name: ada, password: \"$argon2id$v=19$m=19456,t=2,p=1$kfFdDmif3TWi6ojW7tV2VA$MLCQ39KhZW7z4fWPQhHYFaMye8d9QPSKtv5ZeWpka/A\"}
  - {name: bob, password: \"$argon2id$v=19$m=19456,t=2,p=1$kfFdDmif3TWi6ojW7tV2VA$MLCQ39KhZW7z4fWPQhHYFaMye8d9QPSKtv5ZeWpka/A\"}
";
const ISSUER: [&str; 10] = [
    "serve",
    "--public-url",
    "@PUBLIC@/mcp",
    "--upstream",
    "@UPSTREAM@/inner/mcp",
    "--issuer",
    "@ISSUER@",
    "--allow-all",
    "--admin",
    "127.0.0.1:0",
];

fn serve() -> Portcullis {
    Portcullis::at(std::path::Path::new("/")).words(&["serve"])
}

#[tokio::test]
async fn first_1_serve_one_command_gives_a_correct_challenge_and_a_call() {
    let world = Plan::standard().words(&ISSUER).start().await;
    let challenge = world.send(&Ask::get("/mcp")).await;
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", world.public);
    assert_eq!(challenge.status, 401);
    assert_eq!(challenge.challenge(), format!("Bearer resource_metadata=\"{metadata}\""));
    let document = world.send(&Ask::get("/.well-known/oauth-protected-resource/mcp")).await.json();
    assert_eq!(document["resource"], json!(world.resource()));
    assert_eq!(document["authorization_servers"], json!([world.issuer.url()]));
    world.until_ready().await;
    assert_eq!(world.send(&world.post(call("anything"))).await.status, 200);
    let other = world.issuer.mint("https://other.example").token();
    assert_eq!(world.send(&Ask::post("/mcp", call("anything")).token(&other)).await.status, 401);
    for told in ["protects        http", "clients connect http", "permits         everything, to every valid token"] {
        assert!(world.gateway.output().contains(told), "{}", world.gateway.output());
    }
    assert!(!world.gateway.output().contains("WARN --"), "no warning about its own flags");
    world.close().await;
}

#[tokio::test]
async fn first_1_serve_variables_equal_flags() {
    let flags = [
        ("public-url", "https://mcp.example.com/x"),
        ("upstream", "http://127.0.0.1:8000/mcp"),
        ("name", "weather"),
        ("issuer", "https://idp.example"),
        ("profile", "okta"),
        ("scope", "a b,c"),
        ("audience", "api://x"),
        ("listen", "127.0.0.1:8081 127.0.0.1:8082"),
        ("trusted-proxy", "10.0.0.0/8"),
        ("allowed-origin", "http://localhost:*"),
        ("admin", "127.0.0.1:9000"),
        ("session-key", "env:SEAL"),
        ("log-format", "json"),
        ("log-level", "warn"),
        ("allow-all", "true"),
        ("print-config", "1"),
    ];
    let seal = |of: Portcullis| of.variable("SEAL", "a-seal-of-more-than-thirty-two-bytes");
    let switch = |name: &str| matches!(name, "allow-all" | "print-config");
    let by_flags = flags.iter().fold(seal(serve()), |of, (name, value)| match switch(name) {
        true => of.words(&[&format!("--{name}")]),
        false => of.words(&[&format!("--{name}"), value]),
    });
    let by_variables = flags.iter().fold(seal(serve()), |of, (name, value)| {
        of.variable(&format!("PORTCULLIS_{}", name.replace('-', "_").to_ascii_uppercase()), value)
    });
    let (of_flags, of_variables) = (by_flags.run().await, by_variables.run().await);
    assert_eq!(of_flags.0, Some(0), "{}", of_flags.2);
    assert_eq!(of_flags, of_variables);
    assert!(of_flags.1.contains("scopes:\n      - a\n      - b\n      - c\n"), "{}", of_flags.1);

    // A flag wins over its variable; one that is set to nothing is not set, and one that is off is off.
    let mixed = serve()
        .words(&["--upstream", "http://127.0.0.1:8000/mcp", "--issuer", "https://flag.example", "--print-config"])
        .variable("PORTCULLIS_ISSUER", "https://variable.example")
        .variable("PORTCULLIS_ACCOUNTS", "")
        .variable("PORTCULLIS_DEMO_ACCOUNT", "false")
        .variable("PORTCULLIS_ALLOW_ALL", "yes");
    let (code, yaml, complained) = mixed.run().await;
    assert_eq!(code, Some(0), "{complained}");
    assert!(yaml.contains("issuer: https://flag.example") && !yaml.contains("variable"), "{yaml}");
}

#[tokio::test]
async fn first_1_serve_a_wrong_value_names_the_flag_and_the_variable() {
    let good = || serve().words(&["--upstream", "http://127.0.0.1:8000/mcp", "--issuer", "https://a.example"]);
    for (given, told) in [
        (
            good().words(&["--allow-all", "--listen", "8080"]),
            "--listen: found \"8080\"; expected an IP address and a port",
        ),
        (
            good().words(&["--allow-all"]).variable("PORTCULLIS_LISTEN", "8080"),
            "PORTCULLIS_LISTEN (--listen): found \"8080\"; expected an IP address and a port",
        ),
        (good().words(&["--allow-all", "--profile", "octa"]), "--profile: found \"octa\""),
        (good(), "--scope SCOPE (every request needs it) or --allow-all"),
        (
            good().variable("PORTCULLIS_DEMO_ACCOUNT", "1"),
            "--issuer and PORTCULLIS_DEMO_ACCOUNT (--demo-account): choose one",
        ),
        (serve(), "--upstream is missing"),
        (good().words(&["--allow-all"]).variable("PORTCULLIS_PLAINTEXT", "maybe"), "expected true or false"),
        (good().words(&["--", "npx", "server"]), "-- COMMAND: not in this version"),
        (good().words(&["--allowall"]), "--allow-all"),
    ] {
        let (code, printed, complained) = given.run().await;
        assert_eq!((code, &*printed), (Some(2), ""), "{told}: {complained}");
        assert!(complained.contains(told), "{told}: {complained}");
        assert!(!complained.contains("serve:"), "no line of a file that the user has not seen: {complained}");
    }
}

#[tokio::test]
async fn attack_353_no_message_and_no_help_text_shows_a_secret() {
    let of =
        || serve().words(&["--upstream", "http://127.0.0.1:8000/mcp", "--issuer", "https://a.example", "--allow-all"]);
    let secret = "hunter2-hunter2-hunter2-hunter2-hunter2";
    for (given, code) in [
        (of().words(&["--session-key", secret]), 2),
        (of().variable("PORTCULLIS_SESSION_KEY", secret), 2),
        (of().words(&["--help"]).variable("PORTCULLIS_SESSION_KEY", secret), 0),
        (of().words(&["--print-config", "--session-key", secret]), 2),
        (of().words(&["--print-config", "--public-url", "https://u:hunter2@a.example"]), 2),
        (of().words(&["--print-config", "--allowed-origin", "https://u:hunter2@a.example"]), 2),
        (
            serve()
                .words(&["--print-config", "--allow-all", "--issuer", "https://a.example"])
                .variable("PORTCULLIS_UPSTREAM", "http://u:hunter2@127.0.0.1/mcp"),
            2,
        ),
        (of().words(&["--print-config"]).words(&["--session-key", "env:SEAL"]).variable("SEAL", secret), 0),
    ] {
        let (got, printed, complained) = given.run().await;
        assert_eq!(got, Some(code), "{complained}");
        assert!(!printed.contains("hunter2") && !complained.contains("hunter2"), "{printed}{complained}");
    }
}

#[tokio::test]
async fn attack_350_attack_351_a_demo_account_logs_in_on_this_machine_alone() {
    let words = [
        "serve",
        "--public-url",
        "@PUBLIC@/mcp",
        "--upstream",
        "@UPSTREAM@/inner/mcp",
        "--demo-account",
        "--admin",
        "127.0.0.1:0",
    ];
    let login = LoginWorld::around(Plan::standard().words(&words).start().await);
    login.world.until_ready().await;
    let password = |login: &LoginWorld| {
        let output = login.world.gateway.output();
        let line =
            output.lines().find_map(|line| line.strip_prefix("│   password  ")).map(|rest| rest.trim_end_matches('│'));
        assert_eq!(output.matches("password  ").count(), 1, "it is printed once: {output}");
        line.unwrap_or_else(|| panic!("no password: {output}")).trim().to_owned()
    };
    let first = password(&login);
    let client = Client::register(&login, json!({})).await;
    let refused = Browser::of("demo", "another password").open(&login, &client.request(&login, "mcp").url).await;
    assert!(format!("{refused:?}").contains("Page"), "{refused:?}");
    let tokens = client.sign_in(&login, &mut Browser::of("demo", &first), "mcp").await;
    let called = Ask::post("/mcp", call("anything")).token(&tokens.access);
    assert_eq!(login.world.send(&called).await.status, 200);

    login.world.gateway.signal("HUP");
    login.world.gateway.line(|line| line.contains("was read again and has not changed")).await;
    client.refreshed(&login, 0, tokens.refresh()).await;
    for file in fs::read_dir(login.world.folder.path()).unwrap() {
        let text = fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&text).contains(&first), "no file has the password");
    }

    let (code, _, told) = serve()
        .words(&[
            "--upstream",
            "http://127.0.0.1:8000/mcp",
            "--demo-account",
            "--public-url",
            "https://mcp.example.com",
        ])
        .run()
        .await;
    assert!(
        code == Some(2) && told.starts_with("--demo-account: found a demo account at https://mcp.example.com"),
        "{told}"
    );
    login.close().await;
}

#[tokio::test]
async fn first_1_serve_accounts_stay_signed_in_over_a_restart_and_follow_their_file() {
    let words = [
        "serve",
        "--public-url",
        "@PUBLIC@/mcp",
        "--upstream",
        "@UPSTREAM@/inner/mcp",
        "--accounts",
        "accounts.yaml",
        "--allow-all",
        "--admin",
        "127.0.0.1:0",
    ];
    let world = Plan::standard().file("accounts.yaml", ACCOUNTS).words(&words).start().await;
    let mut login = LoginWorld::around(world);
    login.world.secret(PASSWORD);
    login.world.until_ready().await;
    let client = Client::register(&login, json!({})).await;
    let ada = client.sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp").await;
    let bob = client.sign_in(&login, &mut Browser::of("bob", PASSWORD), "mcp").await;
    let called = |token: &str| Ask::post("/mcp", call("anything")).token(token);
    assert_eq!(login.world.send(&called(&ada.access)).await.status, 200);

    login.stop(0, "TERM").await;
    let fill =
        |word: &str| word.replace("@PUBLIC@", &login.world.public).replace("@UPSTREAM@", &login.world.upstream.url());
    let words: Vec<String> = words.iter().map(|word| fill(word)).collect();
    let folder = login.world.folder.path().to_owned();
    let started = Process::start_words(&folder, &words, &[], "").await;
    login.world.gateway = started.unwrap_or_else(|ended| panic!("{}", ended.output));
    login.world.until_ready().await;
    assert!(!login.world.gateway.output().contains("made "), "the key is there already");
    assert_eq!(login.world.send(&called(&ada.access)).await.status, 200, "the signing key is the same");
    let ada = client.refreshed(&login, 0, ada.refresh()).await;

    // SIGHUP reads the accounts again: bob is removed.
    let without_bob: String =
        ACCOUNTS.lines().filter(|line| !line.contains("bob")).map(|line| format!("{line}\n")).collect();
    fs::write(folder.join("accounts.yaml"), without_bob).unwrap();
    login.world.gateway.signal("HUP");
    login.world.gateway.line(|line| line.contains("the changed configuration is in force")).await;
    for _ in 0..100 {
        if login.world.send(&called(&bob.access)).await.status == 401 {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(login.world.send(&called(&bob.access)).await.status, 401);
    assert_eq!(login.world.send(&called(&ada.access)).await.status, 200);
    login.close().await;
}

#[tokio::test]
async fn first_1_serve_says_what_to_do_about_a_taken_port_and_missing_accounts() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let base = ["--upstream", "http://127.0.0.1:8000/mcp", "--issuer", "https://a.example", "--allow-all"];
    for (words, flag) in [
        (["--listen", &*address, "--admin", "127.0.0.1:0"], "--listen"),
        (["--listen", "127.0.0.1:0", "--admin", &*address], "--admin"),
    ] {
        let (code, printed, told) =
            serve().words(&base).words(&words).words(&["--public-url", "http://127.0.0.1:1"]).run().await;
        assert_eq!((code, &*printed), (Some(1), ""), "{told}");
        let expected = format!("{flag}: the gateway cannot listen on {address}");
        assert!(told.contains(&expected) && told.contains("another program listens there"), "{told}");
    }
    let folder = tempfile::tempdir().unwrap();
    let words = ["serve", "--upstream", "http://127.0.0.1:8000/mcp", "--accounts", "people.yaml", "--allow-all"];
    let (code, _, told) = Portcullis::at(folder.path()).words(&words).run().await;
    assert!(code == Some(2) && told.starts_with("--accounts: people.yaml does not exist. Make it"), "{told}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}
