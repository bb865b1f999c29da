//! Faults of Redis, files and the process of the gateway.

use super::{
    client::{LOG, MCP_REMOTE, NODE},
    known_fault::{FaultGroup, KnownFault, YamlPart},
};

pub(super) const GROUP: FaultGroup = FaultGroup {
    title: "The gateway's own machine",
    about: "Redis, files, ports and the process of the gateway.",
    faults: FAULTS,
};

const FAULTS: &[KnownFault] = &[
    KnownFault {
        id: "redis-refused",
        title: "Redis does not answer",
        seen: &[(LOG, "sessions_unavailable")],
        cause: "Redis does not run, or the address is wrong.",
        fix: "Start Redis, or correct the address.",
        yaml: Some(YamlPart::Embedded("store: {redis: \"redis://127.0.0.1:6379/0\"}")),
    },
    KnownFault {
        id: "redis-auth",
        title: "Redis refuses the password",
        seen: &[(LOG, "sessions_unavailable")],
        cause: "Redis has a password or users, and the URL has none, or another.",
        fix: "Write the URL with user and password into a secret.",
        yaml: Some(YamlPart::Embedded("store: {redis: \"env:REDIS_URL\"}")),
    },
    KnownFault {
        id: "redis-evicts",
        title: "Redis may delete logins when its memory is full",
        seen: &[],
        cause: "`maxmemory-policy` is not `noeviction`: Redis then removes signing keys and logins as if they \
                were a cache.",
        fix: "Set `maxmemory-policy noeviction` in Redis.",
        yaml: None,
    },
    KnownFault {
        id: "redis-tls",
        title: "The TLS handshake with Redis fails",
        seen: &[],
        cause: "`redis://` is written for a port with TLS, or the certificate is not trusted.",
        fix: "Write `rediss://`, and trust the authority with `SSL_CERT_FILE`.",
        yaml: Some(YamlPart::Embedded("store: {redis: \"rediss://redis.internal:6380/0\"}")),
    },
    KnownFault {
        id: "key-readable",
        title: "Other users can read a private key or a secret",
        seen: &[],
        cause: "The permissions of the file and of the folders above it let every user of this machine read it, or \
                change it.",
        fix: "Where the gateway's user owns the file or is in its group: `chmod o-rwx` it. Otherwise the gateway reads \
              it as other users do: `chgrp` it to a group of the gateway's user first, and `chmod 640` it.",
        yaml: None,
    },
    KnownFault {
        id: "accounts-readable",
        title: "Other users can read or change the accounts",
        seen: &[],
        cause: "The file has password hashes, and the permissions let all users of this machine read it, or \
                others write it.",
        fix: "Where the gateway's user owns the file or is in its group: `chmod o-rwx` it. Otherwise the gateway reads \
              it as other users do: `chgrp` it to a group of the gateway's user first, and `chmod 640` it.",
        yaml: None,
    },
    KnownFault {
        id: "store-directory-missing",
        title: "The folder of the store does not exist",
        seen: &[],
        cause: "The gateway creates the file of the store, and not its folder.",
        fix: "Create the folder for the user of the gateway (`install -d -m 700 -o portcullis \
                /var/lib/portcullis`).",
        yaml: Some(YamlPart::Embedded("store: {file: portcullis.db}")),
    },
    KnownFault {
        id: "store-not-writable",
        title: "The gateway cannot write its store",
        seen: &[],
        cause: "The file or its folder belongs to another user, is read-only, or lies on a read-only file system.",
        fix: "Give folder and file to the user of the gateway, or name another place.",
        yaml: Some(YamlPart::Embedded("store: {file: portcullis.db}")),
    },
    KnownFault {
        id: "store-readable",
        title: "Other users can read the store",
        seen: &[],
        cause: "The store holds sealed logins and signing keys, and its permissions let other users of this \
                machine read it.",
        fix: "`chmod o-rwx` the file.",
        yaml: None,
    },
    KnownFault {
        id: "store-unusable",
        title: "The store cannot be opened",
        seen: &[],
        cause: "The file is damaged, or is not a store of this gateway.",
        fix: "Restore it from a backup, or remove it: all users then sign in again.",
        yaml: Some(YamlPart::Embedded("store: {file: portcullis.db}")),
    },
    KnownFault {
        id: "certificate-expired",
        title: "The certificate of a listener has expired",
        seen: &[(MCP_REMOTE, "CERT_HAS_EXPIRED"), (NODE, "certificate has expired")],
        cause: "The last day of the certificate in the file is past, or its first day is not reached.",
        fix: "Renew it; the gateway takes the changed file.",
        yaml: Some(YamlPart::Top(
            "listen:\n  - {address: \"0.0.0.0:443\", tls: {certificate: tls/tls.crt, key: tls/tls.key}}",
        )),
    },
    KnownFault {
        id: "certificate-name",
        title: "The certificate of a listener is for another name",
        seen: &[(NODE, "Hostname/IP does not match certificate's altnames")],
        cause: "The certificate does not have the host of `public_url`.",
        fix: "Get a certificate for the host of `public_url`, or correct `public_url`.",
        yaml: Some(YamlPart::Top("public_url: https://mcp.example.com")),
    },
    KnownFault {
        id: "certificate-unusable",
        title: "Certificate and key of a listener cannot be used",
        seen: &[],
        cause: "The key is not the key of the certificate, or one of the files is not PEM.",
        fix: "Name the two files that belong together.",
        yaml: Some(YamlPart::Top(
            "listen:\n  - {address: \"0.0.0.0:443\", tls: {certificate: tls/tls.crt, key: tls/tls.key}}",
        )),
    },
    KnownFault {
        id: "port-taken",
        title: "Another program has the port",
        seen: &[],
        cause: "The gateway does not run, and another program listens on its address.",
        fix: "Stop the other program (`ss -ltnp`), or choose another port.",
        yaml: Some(YamlPart::Top("listen:\n  - {address: \"127.0.0.1:8081\"}")),
    },
    KnownFault {
        id: "port-forbidden",
        title: "This user may not listen on the address",
        seen: &[],
        cause: "Ports below 1024 need a right of their own.",
        fix: "`AmbientCapabilities=CAP_NET_BIND_SERVICE` in the unit, or a port of 1024 and above.",
        yaml: Some(YamlPart::Top("listen:\n  - {address: \"127.0.0.1:8443\"}")),
    },
    KnownFault {
        id: "address-missing",
        title: "The address is not one of this machine",
        seen: &[],
        cause: "`address` names an interface that this machine does not have: the file is for another machine, or \
                the address belongs to a router or a load balancer, which passes connections on.",
        fix: "Write an address that `ip addr` shows, or `0.0.0.0` for all of them.",
        yaml: None,
    },
    KnownFault {
        id: "no-network",
        title: "This machine has no network",
        seen: &[],
        cause: "The command runs in a container, a sandbox or a build step without a network, so that neither names \
                nor addresses lead anywhere. Nothing is known of the servers that it names.",
        fix: "Run it in the network of the gateway (`docker run --network …`, `docker exec`, `kubectl exec`); \
                `portcullis check` without `--online` needs no network.",
        yaml: None,
    },
    KnownFault {
        id: "certificate-missing",
        title: "There is no certificate by ACME yet",
        seen: &[(NODE, "tlsv1 alert access denied")],
        cause: "The CA has not issued the certificate, and until then each TLS handshake fails. The finding has the \
                answer of the CA.",
        fix: "Do what the finding says; docs/acme.md has each answer of a CA. The gateway tries again by itself, and \
                a restart tries at once.",
        yaml: None,
    },
    KnownFault {
        id: "certificate-not-renewed",
        title: "The certificate by ACME cannot be renewed",
        seen: &[],
        cause: "The CA refuses, or cannot be reached. The certificate in use stays until it expires.",
        fix: "Do what the finding says; docs/acme.md has each answer of a CA. The gateway tries again by itself.",
        yaml: None,
    },
    KnownFault {
        id: "gateway-note",
        title: "The gateway reports trouble that does not stop it",
        seen: &[],
        cause: "`/readyz` of the admin port has a note: an issuer that did not answer lately, a reload that failed, \
                a store that is away.",
        fix: "Mend what the note names.",
        yaml: None,
    },
    KnownFault {
        id: "gateway-not-ready",
        title: "The gateway runs and is not ready",
        seen: &[],
        cause: "`/readyz` of the admin port says what is missing: keys of an issuer, an upstream, a store.",
        fix: "Mend what the finding names.",
        yaml: None,
    },
    KnownFault {
        id: "gateway-other-file",
        title: "Another gateway runs at the addresses of this file",
        seen: &[],
        cause: "The process at the admin port, or at a listener, is not a gateway with this configuration.",
        fix: "Name the file with which it runs, or reload it (`SIGHUP`).",
        yaml: None,
    },
    KnownFault {
        id: "admin-public",
        title: "The admin port is open to other machines",
        seen: &[],
        cause: "`/metrics` and `/readyz` tell about users and servers, and the address is not loopback. In a pod \
                of Kubernetes this is no finding: probes and monitoring ask its address.",
        fix: "Bind it to the loopback address, or to a network that monitoring alone reaches.",
        yaml: Some(YamlPart::Top("admin: {address: \"127.0.0.1:9901\"}")),
    },
    KnownFault {
        id: "session-keys-missing",
        title: "Several replicas without a common session key",
        seen: &[(LOG, "unknown_session")],
        cause: "Without `session_keys` each process seals sessions with a key of its own, so that another \
                replica, and the same one after a restart, does not know them.",
        fix: "Give all replicas the same key (`openssl rand -hex 32`).",
        yaml: Some(YamlPart::Top("session_keys: [\"env:SESSION_KEY\"]")),
    },
    KnownFault {
        id: "descriptors-low",
        title: "Few files and connections may be open",
        seen: &[(LOG, "overloaded_descriptors")],
        cause: "The limit on open files of this user is low; each client and each upstream connection needs one.",
        fix: "`LimitNOFILE=65536` in the unit, or `ulimit -n 65536`.",
        yaml: None,
    },
    KnownFault {
        id: "config-invalid",
        title: "The configuration has mistakes",
        seen: &[],
        cause: "The file was not understood, so that nothing else was looked at.",
        fix: "Mend each line that `portcullis check` names.",
        yaml: None,
    },
];
