//! Which rules decide about a template.

use crate::decide::{
    mcp::request::target::Target,
    policy::evaluate::{
        evaluate,
        tests::{NO_RULE, about, by, caller, forbidden, lacks, policy},
    },
    refusal::Refusal,
};

#[test]
fn attack_169_c05_a_template_is_judged_by_its_own_text_and_by_what_it_could_reach() {
    let public = || about("file:///pub/*");
    let secret = || about("file:///secret/**");
    let all = || about("file:///**");
    for (rules, template, verdict) in [
        (vec![public()], "file:///{path}", NO_RULE),
        (vec![public()], "file:///pub/{path}", by(0)),
        // The template expands to deeper paths, which a star does not match.
        (vec![public()], "file:///pub/{+path}", NO_RULE),
        (vec![public()], "file:///pub/{path*}", NO_RULE),
        (vec![about("file:///pub/**")], "file:///pub/{+path}", by(0)),
        (vec![public()], "file:///public/{path}", NO_RULE),
        (vec![public()], "{+uri}", Err(Refusal::UnsafeUri("no scheme"))),
        (vec![public()], "file:///pub/../{path}", Err(Refusal::UnsafeUri("a dot segment"))),
        (vec![about("file:///{path}")], "file:///{path}", by(0)),
        (vec![about("*")], "{+uri}", by(0)),
        // Suggestions could name a resource that the earlier rule guards.
        (vec![secret().denies(), all()], "file:///{+path}", forbidden(0)),
        (vec![secret().needs("s"), all()], "file:///{+path}", lacks("s")),
        (vec![secret().needs("s"), all().needs("f")], "file:///sec{x}/y", lacks("s f")),
        (vec![secret().denies(), all()], "file:///pub/{+path}", by(1)),
        (vec![about("file:///secret").denies(), all()], "file:///{x}", forbidden(0)),
        // In every spelling.
        (vec![secret().denies(), about("*")], "FILE:///{+path}", forbidden(0)),
        (vec![secret().denies(), about("*")], "file:/sec{x}/y", forbidden(0)),
        (vec![secret().denies(), about("*")], "file:///SEC{x}/y", forbidden(0)),
        (
            vec![about("file:///secret").denies(), about("*")],
            "file:///x/../sec{x}",
            Err(Refusal::UnsafeUri("a dot segment")),
        ),
        (vec![about("http://h:8080/x").denies(), about("*")], "HTTP://h:{port}/x", forbidden(0)),
        (vec![about("http://10.0.0.1/*").denies(), about("*")], "http://{host}/x", forbidden(0)),
        (vec![about("memo://internal/*").denies(), about("*")], "memo://internal:/{x}", forbidden(0)),
        (vec![about("memo://internal/*").denies(), about("*")], "memo://other/{x}", by(1)),
    ] {
        let policy = policy("", rules);
        let target = Target::Template(template.into());
        assert_eq!(evaluate(&policy, &caller(""), &target), verdict, "{template} {:?}", policy.access);
    }
}
