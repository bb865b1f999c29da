//! Cases: which queries of clients pass, and how they are appended.

use super::*;

fn passed(configured: &str, rule: &QueryRule, query: &str) -> Result<Option<String>, Refusal> {
    ClientQuery::new(rule, configured).passed(Some(query)).map(|passed| passed.map(Cow::into_owned))
}

fn named(names: &[&str]) -> QueryRule {
    QueryRule::Named(names.iter().map(|name| Box::from(*name)).collect())
}

#[test]
fn people_c2_a_query_is_appended_as_it_came() {
    for (configured, query, whole) in [
        ("/mcp", "read_only=true", "/mcp?read_only=true"),
        ("/mcp?key=1", "toolsets=a,b&x=%2e%zz", "/mcp?key=1&toolsets=a,b&x=%2e%zz"),
        ("/mcp?", "a", "/mcp?a"),
        ("/mcp?key=1&", "a=b;c=d+e", "/mcp?key=1&a=b;c=d+e"),
        ("/", "q=AT%26T&u=https%3A%2F%2Fa%3Fb%3Dc", "/?q=AT%26T&u=https%3A%2F%2Fa%3Fb%3Dc"),
        ("/mcp?key=1", "monkey=1&keys=2&key_=3&x=key", "/mcp?key=1&monkey=1&keys=2&key_=3&x=key"),
        ("/mcp?f[x]=1", "f[y]=2&g[x]=1&x=3", "/mcp?f[x]=1&f[y]=2&g[x]=1&x=3"),
        ("/mcp?key=1", "[a]=1&[]=2&x[key]=3", "/mcp?key=1&[a]=1&[]=2&x[key]=3"),
    ] {
        let found = passed(configured, &QueryRule::Forward, query).unwrap().unwrap();
        assert_eq!(found, query, "{configured}");
        let target = PathAndQuery::try_from(configured).unwrap();
        assert_eq!(appended(&target, &found).unwrap().as_str(), whole);
    }
    for nothing in [None, Some("")] {
        assert_eq!(ClientQuery::new(&QueryRule::Forward, "/mcp").passed(nothing), Ok(None));
    }
}

#[test]
fn people_c2_attack_271_what_the_operator_set_cannot_be_set_again() {
    const URL: &str = "/mcp?read_only=true;Tenant=a&filter[team]=x&empty";
    for query in [
        "read_only=false",
        "x=1&read_only=false",
        "read_only",
        "x=1;read_only=false",
        "READ_ONLY=false",
        "read%5Fonly=false",
        "%72ead_only=false",
        "read%255fonly=false",
        "read%2525255fonly=false",
        "%2572ead_only=0",
        "rea%%36%34_only=0",
        "+read_only=0",
        "%20read_only%09=0",
        "read+only=0",
        "read.only=0",
        "read[only=0",
        "read_only[]=0",
        "[read_only]=0",
        "%5Bread_only%5D=0",
        "[read_only][]=0",
        "[[read_only]]=0",
        "]read_only=0",
        "[Read_Only=0",
        "[filter]=y",
        "read_only[x]=0",
        "read_only%5B%5D=0",
        "read_only%00x=0",
        "%u0072ead_only=false",
        "%U0072ead%u005Fonly=false",
        "%25u0072ead_only=false",
        "x=1%u0026read_only=false",
        "x=1%26read_only=false",
        "x=1%3Bread_only%3Dfalse",
        "x=1%2526read_only=false",
        "?read_only=false",
        "&&read_only=false",
        "tenant=b",
        "TENANT=b",
        "filter[team]=y",
        "filter=y",
        "empty=1",
    ] {
        for rule in [QueryRule::Forward, named(&["x", "other"])] {
            assert!(matches!(passed(URL, &rule, query), Err(Refusal::PinnedQuery(_))), "{query} {rule:?}");
        }
        assert_eq!(passed(URL, &QueryRule::Drop, query), Ok(None), "{query}");
        passed("/mcp", &QueryRule::Forward, query).unwrap();
    }
    let sharp = passed("/mcp?tasks=1&ks=2", &QueryRule::Forward, "ta%C5%BFks=2");
    assert_eq!(sharp, Err(Refusal::PinnedQuery("tasks".into())), "ſ is s");
}

#[test]
fn people_c2_attack_272_a_token_never_passes_in_a_query() {
    for query in [
        "access_token=x",
        "a=1&ACCESS_TOKEN=x",
        "a=1;access_token=x",
        "access%5Ftoken=x",
        "%u0061ccess_token=x",
        "access%255Ftoken=x",
        "access+token=x",
        "access_token[]=x",
        "[access_token]=x",
        "%5Baccess_token%5D[]=x",
        "+access_token",
        "a=1%26access_token=x",
        "u=https%3A%2F%2Fa%3Fb%3Dc%26access_token%3Dx",
    ] {
        let refused = Err(Refusal::Presentation(PresentationFault::InQuery));
        assert_eq!(passed("/mcp", &QueryRule::Forward, query), refused, "{query}");
    }
    for query in ["access_tokens=x", "my_access_token=x", "a=access_token", "token=x"] {
        passed("/mcp", &QueryRule::Forward, query).unwrap();
    }
}

#[test]
fn people_c2_only_the_names_of_the_list_pass() {
    let rule = named(&["toolsets", "read only", "c"]);
    for (query, kept) in [
        ("toolsets=a&x=1", Some("toolsets=a")),
        ("x=1&tool%73ets=%61&read%20only=1&toolsets=b", Some("tool%73ets=%61&read%20only=1&toolsets=b")),
        ("toolsets=a;c=1&d=2", Some("toolsets=a;c=1")),
        ("Toolsets=a", None),
        ("tool%2573ets=a", None),
        ("x=1;toolsets=a", None),
        ("toolsets", Some("toolsets")),
        ("&&", None),
    ] {
        assert_eq!(passed("/mcp", &rule, query).unwrap().as_deref(), kept, "{query}");
    }
    assert!(matches!(passed("/mcp", &rule, "toolsets=a;x=1"), Err(Refusal::BadRequest(_))));
}

#[test]
fn people_c2_deep_escapes_are_unescaped_in_one_pass() {
    let deep = format!("%{}41", "25".repeat(4_000));
    assert_eq!(unescaped(deep.as_bytes(), Depth::Full), b"A");
    assert_eq!(unescaped(b"%2541%41%4", Depth::Once), b"%41A%4");
    assert_eq!(unescaped(b"%4%31%", Depth::Full), b"A%");
    assert_eq!(unescaped(b"%4%31", Depth::Once), b"%41");
    assert_eq!(unescaped(b"%u0041%uD800%u00e9%u004", Depth::Full), "A%uD800é%u004".as_bytes());
    assert_eq!(unescaped(b"%u0041", Depth::Once), b"%u0041");
}
