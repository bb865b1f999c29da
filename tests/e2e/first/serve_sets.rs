//! Generated sets of flags: the printed configuration, passed to `check` and `run`, behaves as `serve` does.

use std::{fmt::Debug, net::TcpListener};

use serde_json::Value;

use crate::e2e::world::{Ask, Plan, Process, Reply, World, call, command::Portcullis, process::NotStarted};

/// How many sets are tried.
const SETS: u32 = 30;
const SEED: u64 = 0x5eed_0013;
const ACCOUNTS: &str = "accounts:
  - {name: ada, password: \"$argon2id$v=19$m=19456,t=2,p=1$kfFdDmif3TWi6ojW7tV2VA$MLCQ39KhZW7z4fWPQhHYFaMye8d9QPSKtv5ZeWpka/A\"}
";

/// Numbers that look random, the same in each run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % most
    }

    fn is(&mut self) -> bool {
        self.below(2) == 0
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// Flags, and what a client must know of them.
#[derive(Debug)]
struct Set {
    flags: Vec<(String, Option<String>)>,
    public: String,
    path: String,
    tls: bool,
    has_issuer: bool,
    /// Whether a token of the issuer is good, whatever its profile expects of tokens.
    is_plain: bool,
    scopes: Vec<String>,
}

impl Set {
    fn generated(numbers: &mut Numbers, world: &World, number: u32) -> Self {
        let (port, admin) = (free_port(), free_port());
        let mut flags: Vec<(String, Option<String>)> = Vec::new();
        let mut flag = |name: &str, value: &str| flags.push((name.to_owned(), Some(value.to_owned())));
        flag("upstream", &format!("{}/inner/mcp", world.upstream.url()));
        flag("admin", &format!("127.0.0.1:{admin}"));
        let own = numbers.one(&["", "/", "/mcp", "/weather/mcp", "/a.b/c~d/"]);
        let address = format!("127.0.0.1:{port}");
        let mut given = true;
        let (public, tls) = match numbers.below(5) {
            0 => {
                given = false;
                flag("listen", &address);
                (format!("http://{address}"), false)
            }
            1 => (format!("http://{address}"), false),
            2 => {
                flag("tls-cert", "tls.crt");
                flag("tls-key", "tls.key");
                flag("listen", &address);
                (format!("https://localhost:{port}"), true)
            }
            3 => {
                flag("listen", &format!("{address},127.0.0.2:{port}"));
                ("https://mcp.example.com".to_owned(), false)
            }
            _ => {
                flag("plaintext", "true");
                flag("listen", &format!("0.0.0.0:{port}"));
                flag("trusted-proxy", "10.0.0.0/8 127.0.0.0/8");
                ("https://mcp.example.com:8443".to_owned(), false)
            }
        };
        if given {
            flag("public-url", &format!("{public}{own}"));
        }
        let path = if given && own.len() > 1 { own } else { "/inner/mcp" };
        let is_local = public.contains("127.0.0.1") || public.contains("localhost");
        let tokens = numbers.below(if is_local { 4 } else { 3 });
        let mut is_plain = tokens < 2;
        match tokens {
            0 | 1 => {
                flag("issuer", &world.issuer.url());
                if numbers.below(3) == 0 {
                    is_plain = false;
                    flag("profile", numbers.one(&["generic", "keycloak", "auth0"]));
                }
            }
            2 => {
                flag("accounts", "accounts.yaml");
                match numbers.below(3) {
                    0 => flag("store", "memory"),
                    1 => flag("store", &format!("logins {number}: \"x\".db")),
                    _ => {}
                }
            }
            _ => flag("demo-account", "true"),
        }
        let scopes: &[&str] = [&[][..], &["mcp:connect"], &["mcp:connect", "#a"]][numbers.below(3)];
        if !scopes.is_empty() {
            flag("scope", &scopes.join(numbers.one(&[",", " ", ", "])));
        }
        if scopes.is_empty() && tokens < 3 || numbers.is() {
            flag("allow-all", "true");
        }
        if numbers.is() {
            flag("audience", numbers.one(&["api://x", "null", "true 123", "a:b,- c,{d}"]));
        }
        if numbers.is() {
            flag("allowed-origin", numbers.one(&["http://localhost:*", "https://app.example null"]));
        }
        if numbers.is() {
            flag("name", numbers.one(&["weather", "a.b", "on", "0x10", "123"]));
        }
        if numbers.is() {
            flag("log-format", numbers.one(&["text", "json"]));
        }
        if numbers.is() {
            flag("log-level", numbers.one(&["info", "warn", "debug"]));
        }
        if tokens != 2 && numbers.is() {
            flag("session-key", "env:SEAL");
        }
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Self { flags, public, path: path.to_owned(), tls, has_issuer: tokens < 2, is_plain, scopes }
    }

    /// As arguments and variables: some of each.
    fn given(&self, numbers: &mut Numbers) -> (Vec<String>, Vec<(String, String)>) {
        let mut words = vec!["serve".to_owned()];
        let mut variables = vec![("SEAL".to_owned(), "a-seal-of-more-than-thirty-two-bytes".to_owned())];
        for (name, value) in &self.flags {
            let value = value.as_deref().unwrap_or_default();
            let is_switch = matches!(&**name, "plaintext" | "allow-all" | "demo-account");
            if numbers.below(3) == 0 {
                let name = name.replace('-', "_").to_ascii_uppercase();
                variables.push((format!("PORTCULLIS_{name}"), value.to_owned()));
            } else if is_switch {
                words.push(format!("--{name}"));
            } else {
                words.extend([format!("--{name}"), value.to_owned()]);
            }
        }
        (words, variables)
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What a client sees of the gateway that runs now.
async fn seen(world: &World, set: &Set) -> Vec<(String, u16, Option<String>, String)> {
    let host = set.public.split_once("://").unwrap().1;
    let path = set.path.trim_end_matches('/');
    let resource = format!("{}{}", set.public, if set.path == "/" { "" } else { &set.path });
    let mut asks = vec![
        ("no token".to_owned(), Ask::get(&set.path)),
        ("resource".to_owned(), Ask::get(&format!("/.well-known/oauth-protected-resource{path}"))),
        ("issuer".to_owned(), Ask::get("/.well-known/oauth-authorization-server")),
        ("embedded".to_owned(), Ask::get("/.well-known/oauth-authorization-server/oauth")),
        ("elsewhere".to_owned(), Ask::get("/elsewhere")),
    ];
    for origin in ["http://localhost:3000", "https://app.example", "https://evil.example", "null"] {
        let preflight = Ask::new("OPTIONS", &set.path).with("Origin", origin);
        asks.push((origin.to_owned(), preflight.with("Access-Control-Request-Method", "POST")));
    }
    if set.has_issuer {
        for (what, audience) in [("token", &*resource), ("audience", "api://x"), ("null", "null"), ("other", "other")] {
            let token = world.issuer.mint(audience).scope("mcp:connect #a").token();
            asks.push((what.to_owned(), Ask::post(&set.path, call("safe")).token(&token)));
        }
        let token = world.issuer.mint(&resource).scope("other").token();
        asks.push(("scope".to_owned(), Ask::post(&set.path, call("safe")).token(&token)));
    }
    let mut all = Vec::new();
    for (what, ask) in asks {
        let reply: Reply = world.send_over(set.tls, &ask.with("Host", host)).await;
        let origin = reply.header("access-control-allow-origin").map(str::to_owned);
        let challenge = reply.header("www-authenticate").map(str::to_owned);
        all.push((what, reply.status, challenge.or(origin), reply.text()));
    }
    all
}

fn expect(what: &dyn Debug, started: Result<Process, NotStarted>) -> Process {
    started.unwrap_or_else(|ended| panic!("{what:?}: {:?}\n{}", ended.code, ended.output))
}

async fn stop(world: &mut World) {
    world.gateway.signal("TERM");
    assert_eq!(world.gateway.exit_code().await, Some(0), "{}", world.gateway.tail());
}

#[tokio::test]
async fn first_1_serve_and_its_printed_configuration_behave_the_same_for_30_sets_of_flags() {
    let mut world = Plan::standard().file("accounts.yaml", ACCOUNTS).start().await;
    let mut numbers = Numbers(SEED);
    let (mut calls, mut demos, mut tls) = (0, 0, 0);
    for number in 0..SETS {
        let set = Set::generated(&mut numbers, &world, number);
        let (words, variables) = set.given(&mut numbers);
        let folder = world.folder.path().to_owned();
        let run = |words: &[&str], input: &str| {
            let of = Portcullis::at(&folder).words(words).input(input);
            variables.iter().fold(of, |of, (name, value)| of.variable(name, value)).run()
        };
        let mut printing: Vec<&str> = words.iter().map(String::as_str).collect();
        printing.push("--print-config");
        let (code, yaml, complained) = run(&printing, "").await;
        assert_eq!(code, Some(0), "{set:?}: {complained}");
        let (code, told, complained) = run(&["check", "-"], &yaml).await;
        assert_eq!(code, Some(0), "{set:?}: {told}{complained}\n{yaml}");
        let (code, explained, _) = run(&["explain", "-"], &yaml).await;
        assert_eq!(code, Some(0), "{set:?}");
        let (_, again, _) = run(&["explain", "-"], &explained).await;
        assert_eq!(again, explained, "{set:?}");

        stop(&mut world).await;
        world.gateway = expect(&set, Process::start_words(&folder, &words, &variables, "").await);
        world.until_ready().await;
        let of_flags = seen(&world, &set).await;
        let listening =
            |world: &World| world.gateway.output().lines().filter(|line| line.starts_with("listening ")).count();
        let listeners = listening(&world);
        stop(&mut world).await;
        let words = ["run".to_owned(), "-".to_owned()];
        world.gateway = expect(&set, Process::start_words(&folder, &words, &variables, &yaml).await);
        world.until_ready().await;
        assert_eq!(seen(&world, &set).await, of_flags, "{set:?}\n{yaml}");
        assert_eq!(listening(&world), listeners);

        let of = |what: &str| of_flags.iter().find(|(name, ..)| name == what).unwrap();
        let (_, status, challenge, _) = of("no token");
        let metadata = format!("{}/.well-known/oauth-protected-resource{}", set.public, set.path.trim_end_matches('/'));
        let challenge = challenge.as_deref().unwrap_or_default();
        assert!(*status == 401 && challenge.contains(&metadata), "{set:?}: {status} {challenge}");
        assert!(set.scopes.iter().all(|scope| challenge.contains(scope)), "{set:?}: {challenge}");
        let resource: Value = serde_json::from_str(&of("resource").3).unwrap();
        assert!(resource["resource"].as_str().unwrap().starts_with(&set.public), "{resource}");
        if set.is_plain {
            assert_eq!(of("token").1, 200, "{set:?}: {}", of("token").3);
            assert_eq!(of("other").1, 401, "{set:?}");
            let needed = !set.scopes.is_empty();
            assert_eq!(of("scope").1, if needed { 403 } else { 200 }, "{set:?}");
            calls += 1;
        }
        demos += u32::from(set.flags.iter().any(|(name, _)| name == "demo-account"));
        tls += u32::from(set.tls);
    }
    assert!(calls > 5 && demos > 1 && tls > 3, "the seed leaves something out: {calls} {demos} {tls}");
    world.close().await;
}
