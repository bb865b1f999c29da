//! A gateway with an embedded authorization server: local accounts or an IdP, any store, replicas.

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    client::Tokens,
    github::GitHub,
    idp::{self, Idp},
};
use crate::e2e::world::{Ask, Plan, Process, Redis, Reply, Upstream, World, process::NotStarted};

/// The password of the local accounts `ada` (of `staff`) and `bob` (of no group).
pub const PASSWORD: &str = "correct horse";
const ACCOUNTS: &str = "accounts:
  - {name: ada, groups: [staff], password: \"$argon2id$v=19$m=19456,t=2,p=1$kfFdDmif3TWi6ojW7tV2VA$MLCQ39KhZW7z4fWPQhHYFaMye8d9QPSKtv5ZeWpka/A\"}
  - {name: bob, password: \"$argon2id$v=19$m=19456,t=2,p=1$kfFdDmif3TWi6ojW7tV2VA$MLCQ39KhZW7z4fWPQhHYFaMye8d9QPSKtv5ZeWpka/A\"}
";
/// The password of Redis.
pub const REDIS_PASSWORD: &str = "the-password-of-redis-in-this-test";
/// Longest wait for what replicas should notice by themselves.
const NOTICED: Duration = Duration::from_secs(15);

/// Where the server keeps its state.
enum Kept {
    Memory,
    File,
    Redis,
}

/// A login world to be.
pub struct LoginPlan {
    plan: Plan,
    idp: Option<Idp>,
    github: Option<GitHub>,
    redis: Option<Redis>,
    kept: Kept,
    /// The keys of `embedded`, by name.
    keys: Vec<(String, String)>,
    seals: Vec<String>,
    replicas: usize,
}

/// A running gateway, perhaps of several replicas with one store.
pub struct LoginWorld {
    /// The first replica and everything around it.
    pub world: World,
    /// The other replicas.
    pub others: Vec<Process>,
    /// The IdP, if users sign in there.
    pub idp: Option<Idp>,
    /// The GitHub, if users sign in there.
    pub github: Option<GitHub>,
    /// The Redis, if it is the store.
    pub redis: Option<Redis>,
    environment: Vec<(String, String)>,
}

impl LoginPlan {
    /// With the local accounts, in memory: open registration, and the public client `desktop`.
    pub fn accounts() -> Self {
        let keys = [
            ("login", "{accounts: accounts.yaml}"),
            ("registration", "{dynamic: open}"),
            ("clients", "[{id: desktop, redirect_uris: [\"http://127.0.0.1:33418/callback\"]}]"),
            ("grants", "[{groups: [staff], scopes: [\"mcp:*\"]}, {accounts: [bob], scopes: [\"mcp:connect\"]}]"),
        ];
        Self {
            plan: Plan::standard().file("accounts.yaml", ACCOUNTS),
            idp: None,
            github: None,
            redis: None,
            kept: Kept::Memory,
            keys: keys.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            seals: vec!["A".to_owned()],
            replicas: 1,
        }
    }

    /// With a scripted IdP; `staff` may get everything.
    pub async fn idp() -> Self {
        Self::idp_with("").await
    }

    /// The same with further keys of `login.oidc`, each with a comma before it.
    pub async fn idp_with(more: &str) -> Self {
        Self::at(Idp::start().await, more)
    }

    /// The same with this IdP.
    pub fn at(idp: Idp, more: &str) -> Self {
        let plan = Self::accounts()
            .key("login", &idp.login(more))
            .key("grants", "[{claims: {groups: [staff]}, scopes: [\"mcp:*\"]}]");
        Self { idp: Some(idp), ..plan }
    }

    /// With this GitHub: `acme/platform` may get everything. `more` are further keys of
    /// `login.github`, each with a comma before it.
    pub fn github(github: GitHub, more: &str) -> Self {
        let plan = Self::accounts()
            .key("login", &github.login(more))
            .key("grants", "[{claims: {teams: [acme/platform]}, scopes: [\"mcp:*\"]}]");
        Self { github: Some(github), ..plan }
    }

    /// Another value of a key of `embedded`, or another key.
    pub fn key(mut self, name: &str, value: &str) -> Self {
        self.keys.retain(|(known, _)| known != name);
        self.keys.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Changes what is outside of `embedded`: servers, environment, files.
    pub fn around(mut self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.plan = change(self.plan);
        self
    }

    /// Keeps the state in a file, `as.db`.
    pub fn file(mut self) -> Self {
        self.kept = Kept::File;
        self
    }

    /// Keeps the state in a Redis of its own.
    pub async fn redis(self) -> Self {
        let redis = Redis::start(REDIS_PASSWORD).await.expect("redis-server is installed by .ci/run");
        self.in_redis(redis)
    }

    /// Keeps the state in this Redis.
    pub fn in_redis(self, redis: Redis) -> Self {
        Self { redis: Some(redis), kept: Kept::Redis, ..self }
    }

    /// The names of the keys that seal, the first first: any of `A`, `B`, `C`, `D`.
    pub fn seals(mut self, names: &[&str]) -> Self {
        self.seals = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// So many replicas, which need Redis.
    pub fn replicas(mut self, count: usize) -> Self {
        self.replicas = count;
        self
    }

    /// Starts everything and waits until every replica is ready.
    pub async fn start(self) -> LoginWorld {
        let login = self.start_unready().await;
        for replica in 0..=login.others.len() {
            login.until_readyz(replica, "it is ready", |ready| ready.status == 200).await;
        }
        login
    }

    /// Starts everything.
    pub async fn start_unready(self) -> LoginWorld {
        match self.try_start().await {
            Ok(login) => login,
            Err(ended) => panic!("the gateway did not start: code {:?}\n{}", ended.code, ended.output),
        }
    }

    /// Starts everything; the gateway must refuse to.
    pub async fn refused_start(self) -> NotStarted {
        match self.try_start().await {
            Ok(login) => {
                login.close().await;
                panic!("it started")
            }
            Err(ended) => ended,
        }
    }

    async fn try_start(self) -> Result<LoginWorld, NotStarted> {
        let mut own = "  own:\n    embedded:\n      path: /oauth\n".to_owned();
        for (name, value) in &self.keys {
            writeln!(own, "      {name}: {value}").unwrap();
        }
        let mut environment: Vec<(String, String)> = ["A", "B", "C", "D"]
            .map(|name| {
                (format!("KEY_{name}"), format!("{}-key-of-48-bytes-or-more-for-the-seals-of-a-store", name.repeat(4)))
            })
            .to_vec();
        environment.push(("IDP_SECRET".to_owned(), idp::SECRET.to_owned()));
        match (&self.kept, &self.redis) {
            (Kept::Memory, _) => own.push_str("      store: {memory: true}\n"),
            (Kept::File, _) => own.push_str("      store: {file: as.db}\n"),
            (Kept::Redis, redis) => {
                environment.push(("REDIS_URL".to_owned(), redis.as_ref().unwrap().url()));
                if !self.keys.iter().any(|(name, _)| name == "store") {
                    own.push_str("      store: {redis: env:REDIS_URL}\n");
                }
            }
        }
        let mut plan = self.plan.issuers(&own).top(&session_keys(&self.seals));
        for (name, value) in &environment {
            plan = plan.environment(name, value);
        }
        let environment = plan.whole_environment().to_vec();
        let world = plan.try_start().await?;
        for secret in [PASSWORD, REDIS_PASSWORD, idp::SECRET, "key-of-48-bytes-or-more"] {
            world.secret(secret);
        }
        let mut login = LoginWorld {
            world,
            others: Vec::new(),
            idp: self.idp,
            github: self.github,
            redis: self.redis,
            environment,
        };
        for replica in 1..self.replicas {
            let text = std::fs::read_to_string(login.config(0)).unwrap();
            let own = login.world.gateway.listening_address().to_string();
            let text = text.replace(&format!("address: \"{own}\""), "address: \"127.0.0.1:0\"");
            std::fs::write(login.config(replica), text).unwrap();
            let process = login.begun(replica).await;
            login.others.push(process);
        }
        Ok(login)
    }
}

fn session_keys(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("\"env:KEY_{name}\"")).collect();
    format!("session_keys: [{}]", names.join(", "))
}

impl LoginWorld {
    /// A world whose gateway has an embedded authorization server in another way.
    pub fn around(world: World) -> Self {
        Self { world, others: Vec::new(), idp: None, github: None, redis: None, environment: Vec::new() }
    }

    /// The server of the IdP or of GitHub, and its address.
    pub fn sign_in_place(&self) -> Option<(&Upstream, String)> {
        let idp = self.idp.as_ref().map(|idp| (idp.server(), idp.url()));
        idp.or(self.github.as_ref().map(|github| (github.server(), github.url())))
    }

    /// A replica's process.
    pub fn process(&self, replica: usize) -> &Process {
        replica.checked_sub(1).map_or(&self.world.gateway, |other| &self.others[other])
    }

    /// A replica's configuration.
    pub fn config(&self, replica: usize) -> PathBuf {
        let name = if replica == 0 { "gateway.yaml".to_owned() } else { format!("gateway-{replica}.yaml") };
        self.world.folder.path().join(name)
    }

    /// Sends to a replica, by the name that all share.
    pub async fn send_to(&self, replica: usize, ask: &Ask) -> Reply {
        let mut live = self.world.connect_to(self.process(replica).listening_address()).await;
        live.write(&ask.bytes(&self.world.authority)).await;
        live.head(ask.is_head()).await;
        live.rest().await
    }

    /// What a replica's admin listener answers to GET.
    pub async fn admin(&self, replica: usize, path: &str) -> Reply {
        let address = self.process(replica).admin_address();
        let mut live = self.world.connect_to(address).await;
        live.write(&Ask::get(path).bytes(&address.to_string())).await;
        live.head(false).await;
        live.rest().await
    }

    /// The tokens of an answer, which must be a success; they may show up nowhere else.
    pub fn tokens(&self, reply: &Reply) -> Tokens {
        assert_eq!(reply.status, 200, "{reply:?}");
        let json = reply.json();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let access = text("access_token").unwrap();
        self.world.issued(&access);
        let refresh = text("refresh_token");
        if let Some(refresh) = &refresh {
            self.world.issued(refresh);
        }
        Tokens { access, refresh, scope: text("scope").unwrap_or_default() }
    }

    /// Waits until a replica's `/readyz` is as wanted.
    pub async fn until_readyz(&self, replica: usize, what: &str, wanted: impl Fn(&Reply) -> bool) -> Reply {
        let deadline = Instant::now() + NOTICED;
        loop {
            let ready = self.admin(replica, "/readyz").await;
            if wanted(&ready) {
                return ready;
            }
            let tail = || self.process(replica).tail();
            assert!(Instant::now() < deadline, "waited until {what}: {} {}\n{}", ready.status, ready.text(), tail());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Changes a replica's configuration, which it then reads again by itself.
    pub fn edit(&self, replica: usize, change: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.config(replica)).unwrap();
        std::fs::write(self.config(replica), change(text)).unwrap();
    }

    /// Gives a replica other keys that seal, and waits until the changed file is in force.
    pub async fn reload_seals(&self, replica: usize, names: &[&str]) {
        let before = self.reloads(replica).await;
        self.edit_seals(replica, names);
        self.until_reloaded(replica, before + 1).await;
    }

    /// Waits until a replica has read so many changed configurations since its start.
    pub async fn until_reloaded(&self, replica: usize, count: u64) {
        let deadline = Instant::now() + NOTICED;
        while self.reloads(replica).await < count {
            assert!(Instant::now() < deadline, "not reloaded:\n{}", self.process(replica).tail());
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn reloads(&self, replica: usize) -> u64 {
        let text = self.admin(replica, "/metrics").await.text();
        let line = text.lines().find_map(|line| line.strip_prefix("portcullis_config_reloads_total "));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }

    /// Gives a replica other keys that seal, for its next start.
    pub fn edit_seals(&self, replica: usize, names: &[&str]) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.edit(replica, |text| {
            let lines = text.lines().map(|line| match line.starts_with("session_keys:") {
                true => session_keys(&names),
                false => line.to_owned(),
            });
            lines.map(|line| line + "\n").collect()
        });
    }

    /// Stops a replica with this signal (`TERM` or `KILL`) and starts it again; it may have another
    /// configuration by then.
    pub async fn restart(&mut self, replica: usize, signal: &str) {
        self.stop(replica, signal).await;
        self.resume(replica).await;
    }

    /// Stops a replica.
    pub async fn stop(&mut self, replica: usize, signal: &str) {
        self.process(replica).signal(signal);
        let process = match replica.checked_sub(1) {
            None => &mut self.world.gateway,
            Some(other) => &mut self.others[other],
        };
        process.exit_code().await;
        self.world.nothing_leaked_by(self.process(replica));
    }

    /// Starts a replica that was stopped.
    pub async fn resume(&mut self, replica: usize) {
        let process = self.begun(replica).await;
        match replica.checked_sub(1) {
            None => self.world.gateway = process,
            Some(other) => self.others[other] = process,
        }
    }

    /// What `portcullis check` says about a replica's configuration: its exit code, standard output
    /// and standard error.
    pub async fn check(&self, replica: usize) -> (Option<i32>, String, String) {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["check", "--config"]).arg(self.config(replica)).envs(self.environment.iter().cloned());
        let said = command.output().await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        // A rule of every plan needs a scope that no grant of these plans gives.
        let complained = text(&said.stderr);
        let complained = complained.split_inclusive('\n').filter(|line| !line.contains("found \"acme\", a scope that"));
        (said.status.code(), text(&said.stdout), complained.collect())
    }

    async fn begun(&self, replica: usize) -> Process {
        match Process::start(&self.config(replica), &self.environment).await {
            Ok(process) => process,
            Err(ended) => panic!("replica {replica} does not start: code {:?}\n{}", ended.code, ended.output),
        }
    }

    /// Ends the world; fails if anything was left behind or leaked.
    pub async fn close(self) {
        for mut process in self.others {
            process.signal("TERM");
            assert_eq!(process.exit_code().await, Some(0), "{}", process.tail());
            self.world.nothing_leaked_by(&process);
        }
        self.world.close().await;
    }
}
