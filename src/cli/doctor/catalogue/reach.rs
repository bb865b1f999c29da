//! Faults between a client and the URL: names, ports, certificates and clocks.

use super::{
    client::{CHATGPT, CLAUDE, CLAUDE_CODE, LOG, MCP_REMOTE, NODE, PYTHON_SDK, TYPESCRIPT_SDK, VS_CODE},
    known_fault::{FaultGroup, KnownFault, YamlPart},
};

pub(super) const GROUP: FaultGroup =
    FaultGroup { title: "Reaching the server", about: "The client does not get as far as HTTP.", faults: FAULTS };

const FAULTS: &[KnownFault] = &[
    KnownFault {
        id: "name-unresolved",
        title: "The host name has no address",
        seen: &[
            (CLAUDE, "Couldn't reach the MCP server"),
            (NODE, "getaddrinfo ENOTFOUND"),
            (VS_CODE, "TypeError: fetch failed"),
        ],
        cause: "The host of the URL has no entry in DNS, or only in the DNS of your own network. Claude and \
                ChatGPT connect from their makers' clouds and ask the public DNS.",
        fix: "Add an A or AAAA record for the host, or correct the host in the client.",
        yaml: Some(YamlPart::Top("public_url: https://mcp.example.com")),
    },
    KnownFault {
        id: "address-private",
        title: "The name leads to a private address",
        seen: &[(CLAUDE, "Couldn't reach the MCP server"), (CHATGPT, "Error fetching OAuth configuration")],
        cause: "The host resolves to an address that is reachable from your own network alone, such as \
                10.0.0.0/8, 192.168.0.0/16 or 127.0.0.0/8. Clients on your machine work, and clients in a cloud \
                do not.",
        fix: "Publish the server under a public address, or use mcp-remote on the user's machine.",
        yaml: None,
    },
    KnownFault {
        id: "connection-refused",
        title: "The port is closed",
        seen: &[
            (CLAUDE, "Couldn't reach the MCP server"),
            (NODE, "ECONNREFUSED"),
            (VS_CODE, "TypeError: fetch failed"),
        ],
        cause: "No process listens at this address and port, or a firewall refuses it. Clouds of Claude and \
                ChatGPT connect to port 443 alone.",
        fix: "Start the server, and compare the port with the one that it listens on (`listen` of Portcullis). If something stands in front of it, forward port 443.",
        yaml: Some(YamlPart::Top(
            "listen:\n  - {address: \"0.0.0.0:443\", tls: {certificate: tls/tls.crt, key: tls/tls.key}}",
        )),
    },
    KnownFault {
        id: "host-unreachable",
        title: "The host cannot be reached",
        seen: &[
            (CLAUDE, "Couldn't reach the MCP server"),
            (VS_CODE, "Waiting for server to respond to `initialize` request..."),
        ],
        cause: "A firewall drops the packets, a load balancer has no healthy backend, or the server accepts a \
                connection and then says nothing.",
        fix: "Open the port in the firewall or the security group, and look at the health checks of the load \
                balancer: they may use `health` of a listener.",
        yaml: None,
    },
    KnownFault {
        id: "tls-name",
        title: "The certificate is for another host",
        seen: &[(NODE, "Hostname/IP does not match certificate's altnames"), (CLAUDE, "Couldn't reach the MCP server")],
        cause: "The certificate's subject alternative names do not contain the host of the URL. A wildcard covers \
                one label alone.",
        fix: "Get a certificate for the host of `public_url`, and name its files.",
        yaml: Some(YamlPart::Top(
            "listen:\n  - {address: \"0.0.0.0:443\", tls: {certificate: tls/tls.crt, key: tls/tls.key}}",
        )),
    },
    KnownFault {
        id: "tls-expired",
        title: "The certificate has expired",
        seen: &[
            (MCP_REMOTE, "CERT_HAS_EXPIRED"),
            (NODE, "certificate has expired"),
            (CLAUDE, "Couldn't reach the MCP server"),
        ],
        cause: "The last day of the certificate is past. Often it was renewed on disk, and the process in front \
                still serves the old one.",
        fix: "Renew the certificate. Portcullis takes a changed file by itself; other servers must be told to reload.",
        yaml: None,
    },
    KnownFault {
        id: "tls-not-yet-valid",
        title: "The certificate is not valid yet",
        seen: &[(NODE, "certificate is not yet valid")],
        cause: "The certificate's first day is in the future, or the clock of this machine is behind.",
        fix: "Set the clock (`timedatectl`), or wait until the certificate counts.",
        yaml: None,
    },
    KnownFault {
        id: "tls-unknown-issuer",
        title: "The certificate's issuer is not trusted, or the chain is incomplete",
        seen: &[
            (MCP_REMOTE, "self-signed certificate in certificate chain"),
            (CLAUDE_CODE, "SDK auth failed: unable to get local issuer certificate"),
            (PYTHON_SDK, "CERTIFICATE_VERIFY_FAILED"),
            (NODE, "self-signed certificate"),
            (NODE, "unable to verify the first certificate"),
            (CLAUDE, "Couldn't reach the MCP server"),
        ],
        cause: "The certificate is self-signed, or from a private authority that clients do not know; or the \
                server sends its own certificate without the intermediate that issued it, which browsers fetch \
                and MCP clients do not. Clouds of Claude and ChatGPT know public authorities alone.",
        fix: "Use a certificate of a public authority, and the whole chain in the file (`fullchain.pem` of \
                certbot). For clients on your own machines: `NODE_EXTRA_CA_CERTS=ca.pem` (Node) or \
                `SSL_CERT_FILE=ca.pem` (Python).",
        yaml: None,
    },
    KnownFault {
        id: "not-http",
        title: "What answers does not speak HTTP",
        seen: &[(VS_CODE, "TypeError: fetch failed")],
        cause: "The URL begins with http, and the port expects TLS.",
        fix: "Write https in the client, and in `public_url`.",
        yaml: Some(YamlPart::Top("public_url: https://mcp.example.com")),
    },
    KnownFault {
        id: "tls-failed",
        title: "The TLS handshake fails",
        seen: &[
            (VS_CODE, "TypeError: fetch failed"),
            (CLAUDE, "Couldn't reach the MCP server"),
            (NODE, "wrong version number"),
        ],
        cause: "The port speaks plain HTTP, client and server agree on no version or cipher, the server wants a \
                client certificate, or it does not know the name that was asked for (SNI).",
        fix: "Give the listener a certificate, offer TLS 1.2 or 1.3 with a modern cipher, ask for no client \
                certificate, and list the name under `hosts` if it is not that of `public_url`.",
        yaml: Some(YamlPart::Top("hosts: [mcp.internal]")),
    },
    KnownFault {
        id: "url-not-https",
        title: "The URL is http:// on a network",
        seen: &[(CHATGPT, "Unsafe URL"), (CLAUDE, "Couldn't reach the MCP server")],
        cause: "Tokens travel readable, and clients in a cloud connect over https alone. OAuth permits http on \
                the own machine only.",
        fix: "End TLS at the server or at a proxy in front of it. For Portcullis, write https in `public_url`.",
        yaml: Some(YamlPart::Top("public_url: https://mcp.example.com")),
    },
    KnownFault {
        id: "clock-skew",
        title: "The clocks of this host and of the server differ",
        seen: &[(LOG, "token_expired"), (LOG, "token_not_yet_valid")],
        cause: "The `Date` of the answers is minutes away from the clock of this machine. Tokens then look \
                expired, or not valid yet, and certificates as well.",
        fix: "Run a time service (chrony, systemd-timesyncd) on both machines. `clock_skew` forgives at most \
                five minutes.",
        yaml: Some(YamlPart::Issuer("clock_skew: 2m")),
    },
    KnownFault {
        id: "public-url-elsewhere",
        title: "The URL in the client is not `public_url`",
        seen: &[
            (TYPESCRIPT_SDK, "does not match expected"),
            (VS_CODE, "does not match MCP server resolved resource"),
            (LOG, "misdirected"),
        ],
        cause: "Clients reach the server under another host, scheme or port than the one that the gateway \
                publishes.",
        fix: "Write the URL that clients type, without a path.",
        yaml: Some(YamlPart::Top("public_url: https://mcp.example.com")),
    },
    KnownFault {
        id: "address-forbidden",
        title: "The name leads to an address that is not a service's",
        seen: &[],
        cause: "The host resolves to a link-local, unspecified or metadata address, which is never a server for \
                clients.",
        fix: "Correct the entry in DNS.",
        yaml: None,
    },
    KnownFault {
        id: "forward-proxy",
        title: "The forward proxy of the environment opens no tunnel",
        seen: &[],
        cause: "`HTTPS_PROXY` or `HTTP_PROXY` names a proxy that refuses this host, wants credentials, or is down.",
        fix: "Correct the variable, or list the host in `NO_PROXY`.",
        yaml: None,
    },
    KnownFault {
        id: "certificate-ends-soon",
        title: "The certificate expires soon",
        seen: &[],
        cause: "The last day of the certificate is near. Renewals are usually done a month before.",
        fix: "See why the renewal did not run, and whether the process in front has taken the new certificate.",
        yaml: None,
    },
    KnownFault {
        id: "no-answer",
        title: "The server takes the connection and does not answer",
        seen: &[
            (VS_CODE, "Waiting for server to respond to `initialize` request..."),
            (CLAUDE, "Couldn't reach the MCP server"),
        ],
        cause: "The process hangs, or a load balancer accepts connections for a backend that is gone.",
        fix: "Look at the log of the server, and at the health checks of the load balancer.",
        yaml: None,
    },
    KnownFault {
        id: "slow-answer",
        title: "The server answers slowly",
        seen: &[],
        cause: "The first answer takes seconds: a process that sleeps until it is asked, or a slow upstream. \
                Clients in a cloud give up early.",
        fix: "Keep the server running, and look at what it does before it answers.",
        yaml: None,
    },
    KnownFault {
        id: "redirect-to-https",
        title: "The URL is redirected from http:// to https://",
        seen: &[(VS_CODE, "TypeError: fetch failed")],
        cause: "Clients lose the body or the token in the redirect.",
        fix: "Write https in the client.",
        yaml: None,
    },
    KnownFault {
        id: "tls-client-certificate",
        title: "The server wants a certificate of the client",
        seen: &[(CLAUDE, "Couldn't reach the MCP server")],
        cause: "The server, or the proxy before it, asks for a client certificate (mutual TLS). MCP clients have none.",
        fix: "Ask for no client certificate at the paths of MCP and `/.well-known/`. Portcullis can show one to the MCP server behind it.",
        yaml: None,
    },
    KnownFault {
        id: "tls-refused",
        title: "The server refuses the TLS handshake for this name",
        seen: &[
            (CLAUDE, "Couldn't reach the MCP server"),
            (NODE, "tlsv1 alert access denied"),
            (NODE, "tlsv1 unrecognized name"),
        ],
        cause: "The server has no certificate for the host of the URL: it is still being ordered (ACME), or the host \
                is not one of its names. Some servers refuse clients without a certificate in the same way.",
        fix: "Look in the log of the server, or of the proxy before it, for the certificate of this host. `/readyz` of Portcullis says why an order by ACME fails.",
        yaml: None,
    },
    KnownFault {
        id: "url-unusable",
        title: "A URL cannot be asked",
        seen: &[],
        cause: "A URL in an answer is not an http or https URL, has no host, or contains a user name.",
        fix: "Correct it where the server, or the authorization server, is configured.",
        yaml: None,
    },
];
