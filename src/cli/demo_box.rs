//! What is printed about the demo account: its password, once, and how to connect with it.

use crate::{
    cli::terminal::word,
    config::{Settings, demo_account::DEMO_NAME, source::ConfigSource},
};

/// The box, if the configuration has a demo account.
pub(super) fn demo_box(config: &ConfigSource, settings: &Settings) -> Option<String> {
    let password = config.demo().take_password()?;
    let server = settings.servers.first()?;
    let url = settings.public_url.resource(&server.path);
    Some(framed(&words(std::str::from_utf8(password.expose()).ok()?, url.as_str(), &server.name)))
}

fn words(password: &str, url: &str, server: &str) -> Vec<String> {
    let typed = word(url);
    vec![
        "The demo account, for this run only".to_owned(),
        String::new(),
        format!("  name      {DEMO_NAME}"),
        format!("  password  {password}"),
        String::new(),
        "Connect a client: a browser opens, where you log in and consent.".to_owned(),
        format!("  Claude Code  claude mcp add --transport http {} {typed}", word(server)),
        "               then /mcp in Claude Code".to_owned(),
        "  Inspector    npx @modelcontextprotocol/inspector".to_owned(),
        format!("               Streamable HTTP, {url}, then Connect"),
        format!("  VS Code      code --add-mcp '{{\"name\":\"{server}\",\"type\":\"http\",\"url\":\"{url}\"}}'"),
        "Without a token, a call gets 401 and the place where tokens are issued:".to_owned(),
        format!("  curl -i {typed}"),
    ]
}

fn framed(lines: &[String]) -> String {
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    let edge = "─".repeat(width + 2);
    let mut framed = format!("┌{edge}┐\n");
    for line in lines {
        framed.push_str(&format!("│ {line:<width$} │\n"));
    }
    framed.push_str(&format!("└{edge}┘"));
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_frame_has_one_width() {
        let framed = framed(&words("secret", "http://127.0.0.1:8080/mcp", "mcp"));
        let widths: Vec<usize> = framed.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{framed}");
        assert!(framed.contains("  password  secret ") && framed.contains("name      demo"));
    }

    #[test]
    fn first_1_what_is_typed_into_a_shell_is_quoted_where_a_shell_needs_it() {
        let words = words("secret", "http://[::1]:8080/mcp", "mcp").join("\n");
        for line in ["  curl -i 'http://[::1]:8080/mcp'", "--transport http mcp 'http://[::1]:8080/mcp'"] {
            assert!(words.contains(line), "{words}");
        }
    }
}
