//! Does each link of the documents, and each page that the code names, lead to a file and a heading?

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{files, root, shown};

/// Lines of README.md: what a new user reads first. Everything else has a page in docs/.
const README_LINES_MAX: usize = 150;

/// The targets of the links of a Markdown text, outside of code.
fn links(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    let targets = prose.flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).collect()
}

/// The name by which a link finds a heading.
fn anchor(heading: &str) -> String {
    let letters = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = letters.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Every name that a link can use in a text: of headings outside of code, and of `<a id="…">`.
fn anchors(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for part in text.split("```").step_by(2) {
        all.extend(part.lines().filter(|line| line.starts_with('#')).map(anchor));
        all.extend(part.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
    all
}

fn leads_somewhere(target: &Path, heading: &str) -> bool {
    let has = |text: String| anchors(&text).iter().any(|anchor| anchor == heading);
    target.exists() && (heading.is_empty() || fs::read_to_string(target).is_ok_and(has))
}

fn top_documents() -> Vec<PathBuf> {
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    top.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let mut wrong = Vec::new();
    let folders = ["docs", "tests", "examples", "deploy"].into_iter().filter(|folder| root().join(folder).exists());
    for path in top_documents().into_iter().chain(folders.flat_map(|folder| files(folder, "md"))) {
        let text = fs::read_to_string(&path).unwrap();
        for link in links(&text) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap_or(Path::new("")).join(file) };
            if !leads_somewhere(&target, heading) {
                wrong.push(format!("{}: {link}", shown(&path)));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

/// The pages that a text of the code names: `docs/policy.md`, `docs/policy.md#match-claims`.
fn pages(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    for (at, _) in text.match_indices("docs/") {
        let page = text[at..].split(|c: char| !c.is_ascii_alphanumeric() && !"/-_.#".contains(c)).next().unwrap_or("");
        let page = page.trim_end_matches('.');
        let before = text[..at].chars().next_back();
        if page.contains(".md") && !before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '/')) {
            all.push(page);
        }
    }
    all
}

#[test]
fn the_pages_that_the_code_names_are_there() {
    let mut wrong = Vec::new();
    let mut all = vec![root().join("gateway.yaml"), root().join("Cargo.toml")];
    for extension in ["rs", "py", "mjs"] {
        all.extend(["src", "tests", "examples"].into_iter().flat_map(|folder| files(folder, extension)));
    }
    for path in all {
        // The examples in this file are made up.
        if path.ends_with("tidy/links.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        for page in pages(&text) {
            let (file, heading) = page.split_once('#').unwrap_or((page, ""));
            if !leads_somewhere(&root().join(file), heading) {
                wrong.push(format!("{}: {page}", shown(&path)));
            }
        }
        if text.contains("README.md#") {
            wrong.push(format!("{}: a heading of README.md; name a page of docs/", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "pages that are not there:\n{}", wrong.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string(root().join("README.md")).unwrap().lines().count();
    assert!(
        lines <= README_LINES_MAX,
        "README.md has {lines} lines; at most {README_LINES_MAX}: move the rest to docs/"
    );
}

#[test]
fn each_page_of_docs_can_be_found_from_another() {
    let pages = files("docs", "md");
    let texts: Vec<(String, String)> =
        top_documents().iter().chain(&pages).map(|path| (shown(path), fs::read_to_string(path).unwrap())).collect();
    let leads = |from: &str, text: &str, name: &str| {
        !from.ends_with(name)
            && links(text)
                .iter()
                .any(|link| link.split('#').next().is_some_and(|file| file.rsplit('/').next() == Some(name)))
    };
    let missing: Vec<String> = pages
        .iter()
        .filter(|page| {
            let name = page.file_name().unwrap().to_str().unwrap();
            !texts.iter().any(|(from, text)| leads(from, text, name))
        })
        .map(|page| shown(page))
        .collect();
    assert!(missing.is_empty(), "no page leads to: {missing:?}");
}

#[test]
fn pages_and_anchors_are_found() {
    let said = "see docs/a.md, docs/b.md#one-two. Not ../docs/c.md, x.com/docs/d.md or docs/e.html";
    assert_eq!(pages(said), ["docs/a.md", "docs/b.md#one-two"]);
    let text = "# A `b` (c)\n```sh\n# no heading\n```\n<a id=\"x.y\"></a>\n## D, e";
    assert_eq!(anchors(text), ["a-b-c", "d-e", "x.y"]);
}
