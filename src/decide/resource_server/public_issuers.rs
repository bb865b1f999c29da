//! Issuers where anyone can have an account, and often a client as well.

/// The beginning of the issuer's URL, up to a `/` or the end.
const PUBLIC_ISSUERS: &[&str] = &[
    "https://access.line.me",
    "https://accounts.google.com",
    "https://api.login.yahoo.com",
    "https://appleid.apple.com",
    "https://discord.com",
    "https://github.com/login/oauth",
    "https://gitlab.com",
    "https://id.twitch.tv",
    "https://login.live.com",
    "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad",
    "https://login.microsoftonline.com/common",
    "https://login.microsoftonline.com/consumers",
    "https://login.microsoftonline.com/organizations",
    "https://login.microsoftonline.us/common",
    "https://login.microsoftonline.us/organizations",
    "https://login.partner.microsoftonline.cn/common",
    "https://login.partner.microsoftonline.cn/organizations",
    "https://login.salesforce.com",
    "https://slack.com",
    "https://sts.windows.net/9188040d-6c67-4c5b-b112-36a304b66dad",
    "https://test.salesforce.com",
    "https://token.actions.githubusercontent.com",
    "https://www.facebook.com",
    "https://www.linkedin.com",
];

/// Whether anyone can have an account at `issuer`. A port, and a dot at the end of the host
/// name, do not make it another issuer.
#[must_use]
pub fn is_public(issuer: &str) -> bool {
    let issuer = issuer.to_ascii_lowercase();
    let Some(rest) = issuer.strip_prefix("https://") else { return false };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.split(':').next().unwrap_or_default();
    let plain = format!("https://{}{path}", host.trim_end_matches('.'));
    let mut public = PUBLIC_ISSUERS.iter();
    public.any(|public| plain.strip_prefix(public).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn people_a2_attack_234_a_public_issuer_in_any_spelling() {
        for issuer in [
            "https://accounts.google.com",
            "https://accounts.google.com/",
            "https://accounts.google.com.",
            "https://Accounts.Google.com",
            "https://login.microsoftonline.com/common/v2.0",
            "https://login.microsoftonline.com:443/common/v2.0",
            "https://login.microsoftonline.com.:443/Common/v2.0",
            "https://sts.windows.net/9188040d-6c67-4c5b-b112-36a304b66dad/",
        ] {
            assert!(is_public(issuer), "{issuer}");
        }
        for issuer in [
            "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
            "https://login.microsoftonline.com/commonplace/v2.0",
            "https://accounts.google.com.example.com",
            "https://gitlab.com.example.com",
            "https://gitlab.example.com",
            "https://example.com/https://gitlab.com",
            "",
        ] {
            assert!(!is_public(issuer), "{issuer}");
        }
    }
}
