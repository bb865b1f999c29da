//! How a command finds its configuration: FILE, `-c`, standard input, a variable, gateway.yaml here.

use std::{fs, path::Path};

use tokio::process::Command;

use crate::e2e::world::command::Portcullis;

const CONFIG: &str = r#"
public_url: https://gw.example
listen: [{address: "127.0.0.1:0", plaintext: true}]
admin: {address: "127.0.0.1:0"}
authorization_servers: {corporate: {issuer: "https://idp.example", jwks: {file: keys.json}}}
servers: {weather: {path: /weather, upstream: {url: "http://127.0.0.1:1/mcp"}, access: authenticated}}
"#;
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1","use":"sig",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("keys.json"), KEYS).unwrap();
    for file in files {
        fs::write(folder.path().join(file), CONFIG).unwrap();
    }
    folder
}

fn check(folder: &Path) -> Portcullis {
    Portcullis::at(folder).words(&["check"])
}

#[tokio::test]
async fn first_8_each_way_to_name_a_file_names_it() {
    let here = folder(&["gateway.yaml", "a.yaml"]);
    let at = |words: &[&str]| check(here.path()).words(words);
    for (given, named) in [
        (at(&[]), "gateway.yaml"),
        (at(&["a.yaml"]), "a.yaml"),
        (at(&["-c", "a.yaml"]), "a.yaml"),
        (at(&["--config", "a.yaml"]), "a.yaml"),
        (at(&["--config=a.yaml"]), "a.yaml"),
        (at(&[]).variable("PORTCULLIS_CONFIG", "a.yaml"), "a.yaml"),
        (at(&[]).variable("PORTCULLIS_CONFIG", ""), "gateway.yaml"),
        (at(&["gateway.yaml"]).variable("PORTCULLIS_CONFIG", "a.yaml"), "gateway.yaml"),
        (at(&["-c", "gateway.yaml"]).variable("PORTCULLIS_CONFIG", "missing.yaml"), "gateway.yaml"),
        (at(&["-"]).input(CONFIG), "<stdin>"),
        (at(&["-c", "-"]).input(CONFIG), "<stdin>"),
        (at(&[]).input(CONFIG).variable("PORTCULLIS_CONFIG", "-"), "<stdin>"),
    ] {
        let (code, told, complained) = given.run().await;
        assert_eq!(code, Some(0), "{named}: {complained}");
        assert!(told.starts_with(&format!("{named}: ok, 1 server")), "{named}: {told}");
    }
}

#[tokio::test]
async fn first_8_a_mistake_on_standard_input_has_its_line() {
    let here = folder(&[]);
    let wrong = CONFIG.replace("access: authenticated", "acces: authenticated");
    let (code, _, told) = check(here.path()).words(&["-"]).input(&wrong).run().await;
    assert_eq!(code, Some(2));
    assert!(told.contains("<stdin>:6:") && told.contains("did you mean \"access\"?"), "{told}");
    let (code, _, told) = check(here.path()).words(&["-"]).run().await;
    assert_eq!((code, told.trim()), (Some(2), "<stdin>: found nothing; expected a configuration"));
}

#[tokio::test]
async fn first_8_without_any_file_the_message_says_what_to_do() {
    let here = folder(&[]);
    for command in ["check", "run", "explain"] {
        let (code, printed, told) = Portcullis::at(here.path()).words(&[command]).run().await;
        assert_eq!((code, printed.as_str()), (Some(2), ""), "{command}");
        for word in ["there is no gateway.yaml in ", "portcullis init", "portcullis serve --help"] {
            assert!(told.contains(word), "{command}: {told}");
        }
    }
}

#[tokio::test]
async fn first_8_a_pipe_is_read_once_and_a_folder_is_told() {
    let here = folder(&["gateway.yaml"]);
    let binary = env!("CARGO_BIN_EXE_portcullis");
    for (line, named) in [
        ("P check <(cat gateway.yaml)", "/dev/fd/"),
        ("P check -c <(cat gateway.yaml)", "/dev/fd/"),
        ("cat gateway.yaml | P check /dev/stdin", "/dev/stdin: ok"),
        ("P check /dev/stdin < gateway.yaml", "/dev/stdin: ok"),
        ("mkfifo pipe; cat gateway.yaml > pipe & P check pipe", "pipe: ok"),
        ("P explain <(cat gateway.yaml)", "public_url: "),
        ("P connect -c <(cat gateway.yaml) cursor", "## Cursor"),
    ] {
        let line = line.replace("P ", &format!("{binary} "));
        let output = Command::new("bash").args(["-c", &line]).current_dir(here.path()).output().await.unwrap();
        let (out, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out.contains(named), "{line}: {out}{told}");
    }
    for (file, told) in [(".", "found a folder"), ("/dev/null", "/dev/null: found nothing; expected a configuration")] {
        let (code, _, complained) = check(here.path()).words(&[file]).run().await;
        assert!(code == Some(2) && complained.contains(told), "{complained}");
    }
}
