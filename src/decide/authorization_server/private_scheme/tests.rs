//! Which private-use schemes are never accepted, however they are written.

use super::{NEVER, check_scheme};
use crate::decide::authorization_server::{redirect_scheme::KNOWN_SCHEMES, redirect_uri::RedirectUri};

#[test]
fn the_list_is_in_order_because_it_is_searched_by_halves() {
    assert!(NEVER.is_sorted_by(|a, b| a < b));
    assert!(KNOWN_SCHEMES.is_sorted_by(|a, b| a < b));
}

#[test]
fn attack_217_what_a_browser_or_the_system_runs_or_reads_is_never_a_redirect_uri() {
    let named = [
        "javascript",
        "vbscript",
        "data",
        "file",
        "blob",
        "filesystem",
        "jar",
        "about",
        "view-source",
        "ws",
        "wss",
        "intent",
        "android-app",
        "content",
        "search-ms",
        "search",
        "shell",
        "itms-services",
        "itms-apps",
        "itmss",
        "ms-settings",
        "ms-msdt",
        "ms-appinstaller",
        "ms-word",
        "ms-officecmd",
        "microsoft-edge",
        "microsoft.windows.camera",
        "chrome",
        "chrome-extension",
        "moz-extension",
        "safari-web-extension",
        "x-apple.systempreferences",
        "x-apple-helpbasic",
        "applescript",
        "shortcuts",
        "x-man-page",
        "ssh",
        "telnet",
        "smb",
        "ldap",
        "mailto",
        "tel",
        "sms",
        "facetime",
        "urn",
        "web+app",
        "ext+app",
        "git+ssh",
        "svn+ssh",
        "flatpak+https",
        "ssh+x",
        "x+javascript",
        "steam",
        "apt",
        "admin",
        "help",
        "hcp",
    ];
    for scheme in named.iter().chain(NEVER) {
        assert!(check_scheme(scheme).is_err(), "{scheme}");
        let (first, rest) = scheme.split_at(1);
        let capital = format!("{}{rest}", first.to_uppercase());
        let spellings = [
            (*scheme).to_owned(),
            scheme.to_uppercase(),
            capital,
            format!(" {scheme}"),
            format!("{scheme} "),
            format!("\t{scheme}"),
            format!("{scheme}\n"),
            format!("{first}\t{rest}"),
            format!("\u{1}{scheme}"),
            format!("{scheme}\u{0}"),
            format!("{scheme}%3A"),
            format!("%{:02x}{rest}", scheme.as_bytes()[0]),
        ];
        for spelled in spellings {
            for after in ["alert(1)", "//app.example/%0aalert(1)", "/x", "///etc/passwd", "text/html,x", ""] {
                let text = format!("{spelled}:{after}");
                // `https` itself is not a private-use scheme.
                let is_web = ["https", "http"].contains(&&*spelled);
                assert!(is_web || RedirectUri::parse(&text).is_err(), "{text:?}");
            }
        }
    }
}

#[test]
fn login_b3_attack_217_schemes_that_open_the_command_channels_of_programs_are_never_accepted() {
    for scheme in [
        // With a dot, which `known` accepts.
        "vnd.libreoffice.command",
        "vnd.libreoffice.cmis",
        "vnd.sun.star.script",
        "vnd.sun.star.webdav",
        "vnd.sun.star.webdavs",
        "vnd.ms.radio",
        "com.apple.tv",
        "com.epicgames.launcher",
        "android.resource",
        "ie.http",
        // Programs, packages and macros.
        "jnlp",
        "jnlps",
        "appstream",
        "macro",
        "cgi",
        // Files, devices and streams of other machines.
        "cifs",
        "mtp",
        "ipp",
        "ipps",
        "rtsps",
        "rtspu",
        "mmst",
        "mmsh",
        // Any page in another browser, and calls.
        "googlechrome",
        "googlechromes",
        "googlechrome-x-callback",
        "firefox",
        "firefox-focus",
        "opera-http",
        "opera-https",
        "touch-http",
        "touch-https",
        "ghttps",
        "telprompt",
        "jnlps+x",
        "x+cifs",
    ] {
        assert!(check_scheme(scheme).is_err(), "{scheme}");
        assert!(RedirectUri::parse(&format!("{scheme}:/cb")).is_err(), "{scheme}");
    }
    for scheme in ["com.vnd.app", "vnd", "com.example.cifs", "httpie", "firefoxed", "com.applegate.app", "ietf.app"] {
        assert_eq!(check_scheme(scheme), Ok(()), "{scheme}");
    }
}

#[test]
fn e30_other_schemes_can_be_accepted() {
    for scheme in ["com.example.app", "myapp", "my-app", "x", "a1", "com.example-2.app+x", "file.example", "searching"]
    {
        assert_eq!(check_scheme(scheme), Ok(()), "{scheme}");
    }
    for scheme in KNOWN_SCHEMES {
        assert_eq!(check_scheme(scheme), Ok(()), "{scheme}");
    }
    for scheme in ["", ".", "1a", "-a", "+a", "a_b", "a:", "a/b", "com.", ".com", "com..app", "Com.app", "ä", "a b"] {
        assert!(check_scheme(scheme).is_err(), "{scheme:?}");
    }
}
