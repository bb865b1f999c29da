//! Which private-use schemes clients may register, by each setting.

use super::RedirectSchemes;

fn listed(known: bool, schemes: &[&str]) -> RedirectSchemes {
    RedirectSchemes::Listed { known, schemes: schemes.iter().map(|one| Box::from(*one)).collect() }
}

#[test]
fn e30_a_scheme_is_known_or_allowed_and_never_a_dangerous_one() {
    let [known, any] = [RedirectSchemes::Known, RedirectSchemes::Any];
    let (mine, both, nothing) = (listed(false, &["myapp"]), listed(true, &["myapp"]), listed(false, &[]));
    // Accepted by: known, any, [myapp], [known, myapp], [].
    for (uri, accepted) in [
        ("https://app.example/cb", [true, true, true, true, true]),
        ("http://127.0.0.1:1/cb", [true, true, true, true, true]),
        ("cursor://anysphere.cursor-mcp/oauth/callback", [true, true, false, true, false]),
        ("vscode://saoudrizwan.claude-dev", [true, true, false, true, false]),
        ("vscode-insiders://x/cb", [true, true, false, true, false]),
        ("com.example.app:/cb", [true, true, false, true, false]),
        ("myapp://cb", [false, true, true, true, false]),
        ("myapp2://cb", [false, true, false, false, false]),
        ("yourapp:/cb", [false, true, false, false, false]),
        ("vscodes://cb", [false, true, false, false, false]),
        ("javascript:alert(1)", [false; 5]),
        ("JavaScript:/x", [false; 5]),
        ("ms-settings:/x", [false; 5]),
        ("http://evil.example/cb", [false; 5]),
    ] {
        let verdicts = [&known, &any, &mine, &both, &nothing].map(|schemes| schemes.read(uri).is_ok());
        assert_eq!(verdicts, accepted, "{uri}");
    }
}

#[test]
fn e30_it_says_which_of_two_things_is_wrong_with_a_scheme() {
    let said = |uri: &str| RedirectSchemes::Known.read(uri).unwrap_err();
    assert!(said("myapp:/cb").contains("not accepted here"));
    assert!(said("javascript:/x").contains("never accepted"));
}
