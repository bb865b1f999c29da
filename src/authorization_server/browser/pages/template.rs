//! Markup and style of the pages. Text from outside is escaped, and isolated in `<bdi>`.

use askama::Template;

/// The frame around each page.
#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{ title }} · Portcullis</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<style>{{ style|safe }}</style>
</head>
<body>
<header>
<svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false"><path d="M4 21V10a8 8 0 0 1 16 0v11M8.5 3.4V18M12 2v18M15.5 3.4V18M4 10h16M4 15h16" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/></svg>
<span>Portcullis</span>
</header>
{{ body|safe }}
</body>
</html>
"##
)]
pub(crate) struct Layout<'a> {
    title: &'a str,
    style: &'static str,
    /// Markup from another template of this file.
    body: &'a str,
}

impl<'a> Layout<'a> {
    /// Around `body`, which is already markup.
    pub(crate) fn around(title: &'a str, body: &'a str) -> Self {
        Self { title, style: STYLE, body }
    }
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"{% macro who() %}{% if let Some(name) = client %}“<bdi>{{ name }}</bdi>”{% else %}the application <bdi>{{ client_id }}</bdi>{% endif %}{% endmacro %}<main><h1>Sign in</h1>
<p class="quiet">to continue to {% call who() %}{% endcall %}</p>
{% if let Some(problem) = problem %}
<div class="problem" role="alert" id="problem"><p>You are not signed in</p><p>{{ problem }}</p></div>
{% endif %}
<form method="post" action="{{ action }}">
<input type="hidden" name="flow" value="{{ id }}">
<input type="hidden" name="csrf" value="{{ csrf }}">
<label for="account">Account</label>
<input id="account" name="account" value="{{ account }}" maxlength="320" autocomplete="username" autocapitalize="none" spellcheck="false" required{% if problem.is_some() %} aria-describedby="problem"{% endif %}{% if account.is_empty() %} autofocus{% endif %}>
<label for="password">Password</label>
<input id="password" name="password" type="password" maxlength="1024" autocomplete="current-password" required{% if problem.is_some() %} aria-describedby="problem"{% endif %}{% if !account.is_empty() %} autofocus{% endif %}>
<div class="buttons"><button>Sign in</button></div>
</form>
</main>
<footer>Type your password only if the address of this page begins with <bdi>{{ origin }}</bdi></footer>"##
)]
pub(crate) struct LoginPage<'a> {
    pub(crate) action: &'a str,
    pub(crate) id: &'a str,
    pub(crate) csrf: &'a str,
    pub(crate) account: &'a str,
    pub(crate) problem: Option<&'a str>,
    pub(crate) client: Option<String>,
    pub(crate) client_id: String,
    pub(crate) origin: &'a str,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"{% macro words(item) %}{% if let Some(words) = item.words %}<bdi>{{ words }}</bdi>{% else %}<code>{{ item.scope }}</code>{% endif %}{% endmacro %}
{% macro small(item) %}{% if item.words.is_some() || !item.servers.is_empty() %}<small>{% if item.words.is_some() %}<code>{{ item.scope }}</code> {% endif %}{% if !item.servers.is_empty() %}at {% for server in item.servers %}<bdi>{{ server }}</bdi>{% if !loop.last %}, {% endif %}{% endfor %}{% endif %}</small>{% endif %}{% endmacro %}<main><h1>{% if let Some(name) = client %}“<bdi>{{ name }}</bdi>”{% else %}An application{% endif %} {% if is_nothing %}cannot get access{% else %}asks for access{% endif %}</h1>
{% if is_claimed && client.is_some() %}<p class="quiet">The application chose this name itself; it is not verified.</p>{% endif %}
<dl>
<div><dt>Who asks</dt><dd>{% match vouched %}{% when Vouched::Host with (host) %}<strong><bdi>{{ host }}</bdi></strong><small>This site describes the application.</small>{% when Vouched::Unchecked %}<strong>Registered itself</strong><small>Any application can: make sure that you have just started this yourself.</small>{% when Vouched::Operator %}<strong><bdi>{{ client_id }}</bdi></strong><small>Set up by the operator of this server.</small>{% endmatch %}</dd></div>
<div><dt>Access to</dt>{% for server in servers %}<dd><strong><bdi>{{ server.name }}</bdi></strong><small><bdi>{{ server.resource }}</bdi></small></dd>{% endfor %}</div>
<div><dt>Returns you to</dt><dd><strong><bdi>{{ back_host }}</bdi></strong>{% if is_local %} <span class="quiet">(a program on this computer)</span>{% endif %}<small><bdi>{{ back }}</bdi></small></dd></div>
</dl>
{% if is_native %}
<div class="warning" role="note"><p>Continue only if you have just started this yourself</p><p>The answer goes to a program on your own computer. {% if let Some(scheme) = claimable %}Any program there can claim addresses that begin with <bdi>{{ scheme }}:</bdi>{% else %}Any program there can use this name{% endif %}; this server cannot check which program it is.</p></div>
{% endif %}
{% if is_nothing %}
<div class="problem" role="alert"><p>This account may not allow it</p><p>Your account has no right to anything that the application asks for. Use another account, or ask the operator of this server.</p></div>
{% else %}
{% if !new.is_empty() %}
<h2>{% if known.is_empty() %}It will be able to{% else %}New: it will also be able to{% endif %}</h2>
<ul>{% for item in new %}<li>{% call words(item) %}{% endcall %}{% if !known.is_empty() %}<span class="new">New</span>{% endif %}{% call small(item) %}{% endcall %}</li>{% endfor %}</ul>
{% endif %}
{% if !known.is_empty() %}
<h2>You have already allowed it to</h2>
<ul class="known">{% for item in known %}<li>{% call words(item) %}{% endcall %}{% call small(item) %}{% endcall %}</li>{% endfor %}</ul>
{% endif %}
{% if new.is_empty() && known.is_empty() %}<p>It will be able to connect as you; it asks for nothing beyond that.</p>{% endif %}
{% endif %}
{% if !missing.is_empty() %}
<h2>Your account cannot give it</h2>
<ul class="missing">{% for item in missing %}<li>{% call words(item) %}{% endcall %}{% call small(item) %}{% endcall %}</li>{% endfor %}</ul>
<p class="quiet">The operator of this server decides which accounts can give this. To connect again does not change it.</p>
{% endif %}
<form method="post" action="{{ action }}">
<input type="hidden" name="flow" value="{{ id }}">
<input type="hidden" name="csrf" value="{{ csrf }}">
<div class="buttons">{% if !is_nothing %}<button name="decision" value="allow">Allow</button>{% endif %}<button class="other" name="decision" value="deny">{% if is_nothing %}Go back{% else %}Deny{% endif %}</button></div>
</form>
</main>
<footer>{% if let Some(person) = person %}Signed in as <bdi>{{ person }}</bdi>{% if let Some(idp) = idp %} at <bdi>{{ idp }}</bdi>{% endif %}. <a href="{{ other }}">Use another account</a>{% endif %}</footer>"##
)]
pub(crate) struct ConsentPage<'a> {
    pub(crate) action: &'a str,
    pub(crate) other: &'a str,
    pub(crate) id: &'a str,
    pub(crate) csrf: &'a str,
    pub(crate) client: Option<String>,
    pub(crate) client_id: String,
    pub(crate) is_claimed: bool,
    pub(crate) vouched: Vouched,
    pub(crate) servers: Vec<ServerRow>,
    pub(crate) back: String,
    pub(crate) back_host: String,
    pub(crate) is_local: bool,
    pub(crate) is_native: bool,
    /// The scheme of the redirect URI, if any program may claim it.
    pub(crate) claimable: Option<String>,
    pub(crate) is_nothing: bool,
    pub(crate) new: Vec<ScopeRow<'a>>,
    pub(crate) known: Vec<ScopeRow<'a>>,
    pub(crate) missing: Vec<ScopeRow<'a>>,
    pub(crate) person: Option<String>,
    pub(crate) idp: Option<&'a str>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<main><h1>{{ heading }}</h1>
<div class="problem" role="alert"><p>What happened</p><p>{{ what }}</p></div>
<p>{{ advice }}</p>
<p><code>{{ code }}</code></p>
{% if let Some(link) = link %}
<p><a href="{{ link.url }}" rel="noreferrer noopener">Return to <bdi>{{ link.host }}</bdi></a></p>
<p class="quiet">{% if link.is_program %}That is a program on your computer, and any program there can claim this name.{% else %}This server does not know that site: any application can register here.{% endif %} Continue only if you came from there.</p>
{% endif %}
</main>
<footer></footer>"##
)]
pub(crate) struct ErrorPage<'a> {
    pub(crate) heading: &'a str,
    pub(crate) what: String,
    pub(crate) advice: &'a str,
    pub(crate) code: &'a str,
    pub(crate) link: Option<ErrorLink>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<main><h1>{{ heading }}</h1>
<p>You go on to <bdi>{{ host }}</bdi>. If nothing happens: <a href="{{ url }}" rel="noreferrer noopener">continue</a>.</p>
</main>
<footer></footer>"##
)]
pub(crate) struct OnwardPage<'a> {
    pub(crate) heading: &'a str,
    /// The redirect URI, with the code or the error.
    pub(crate) url: &'a str,
    /// Its host or private-use scheme.
    pub(crate) host: String,
}

/// The way back to a client that the operator has not chosen.
pub(crate) struct ErrorLink {
    /// The redirect URI, with the error.
    pub(crate) url: String,
    /// Its host or private-use scheme.
    pub(crate) host: String,
    /// Whether it leads to a program on the user's computer.
    pub(crate) is_program: bool,
}

/// Who confirms what a client says about itself.
pub(crate) enum Vouched {
    /// The host of its document.
    Host(String),
    /// No one: the client registered itself.
    Unchecked,
    /// The operator, in the configuration.
    Operator,
}

pub(crate) struct ServerRow {
    pub(crate) name: String,
    pub(crate) resource: String,
}

pub(crate) struct ScopeRow<'a> {
    pub(crate) scope: &'a str,
    pub(crate) words: Option<&'a str>,
    /// The servers that have this scope, if the request is for several.
    pub(crate) servers: Vec<&'a str>,
}

/// The style sheet. The page's policy permits its digest and no other style.
const STYLE: &str = r#"
:root{color-scheme:light dark;--ground:#f4f5f7;--sheet:#fff;--ink:#1b2230;--quiet:#566072;--line:#d5dae2;--strong:#1f4fbf;--on-strong:#fff;--warn-ground:#fff5dc;--warn-line:#b77900;--bad-ground:#fdecec;--bad-line:#b3261e}
@media(prefers-color-scheme:dark){:root{--ground:#12161d;--sheet:#1b212b;--ink:#e8ebf0;--quiet:#a4aebd;--line:#374152;--strong:#8fb2ff;--on-strong:#0c1730;--warn-ground:#33290f;--warn-line:#e0a93b;--bad-ground:#3a1b1a;--bad-line:#ff8a80}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.25rem 1rem 3rem;max-width:30rem;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
header{display:flex;align-items:center;gap:.5rem;margin:0 0 1.25rem;font-weight:650;letter-spacing:.01em}
header svg{flex:none;color:var(--strong)}
main{padding:1.5rem 1.25rem;background:var(--sheet);border:1px solid var(--line);border-radius:.75rem}
h1{margin:0 0 .5rem;font-size:1.375rem;line-height:1.3;font-weight:650}
h2{margin:1.5rem 0 .5rem;font-size:1rem;font-weight:650}
p{margin:.5rem 0}
a{color:var(--strong)}
.quiet{color:var(--quiet);font-size:.9375rem}
code{color:var(--quiet);font:.875rem/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
dl{margin:1rem 0 0;border-top:1px solid var(--line)}
dl div{padding:.625rem 0;border-bottom:1px solid var(--line)}
dt{color:var(--quiet);font-size:.875rem}
dd{margin:0}
dd+dd{margin-top:.375rem}
dd strong{font-weight:600}
dd small,li small{display:block;color:var(--quiet);font-size:.875rem}
ul{margin:0;padding:0;list-style:none}
li>code{color:inherit;font-size:1rem}
li{padding:.5rem 0 .5rem 1.5rem;position:relative}
li::before{content:"";position:absolute;left:.25rem;top:1.05rem;width:.5rem;height:.5rem;border-radius:50%;background:var(--strong)}
ul.known li::before,ul.missing li::before{box-sizing:border-box;background:none;border:2px solid var(--quiet)}
.new{display:inline-block;margin-left:.375rem;padding:0 .4375rem;border:1px solid var(--strong);border-radius:1rem;color:var(--strong);font-size:.8125rem;font-weight:600}
.warning,.problem{margin:1.25rem 0 0;padding:.75rem 1rem;border-left:4px solid var(--warn-line);border-radius:.25rem;background:var(--warn-ground)}
.problem{margin:1rem 0;border-color:var(--bad-line);background:var(--bad-ground)}
.warning p:first-child,.problem p:first-child{margin-top:0;font-weight:650}
.warning p:last-child,.problem p:last-child{margin-bottom:0}
label{display:block;margin:1rem 0 .25rem;font-weight:600}
input{display:block;width:100%;min-height:2.875rem;padding:.5rem .75rem;border:1px solid var(--quiet);border-radius:.5rem;background:var(--sheet);color:inherit;font:inherit}
.buttons{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.5rem}
button{flex:1 1 8rem;min-height:2.875rem;padding:.5rem 1rem;border:1px solid var(--strong);border-radius:.5rem;background:var(--strong);color:var(--on-strong);font:inherit;font-weight:600;cursor:pointer}
button.other{background:none;color:var(--strong)}
:focus-visible{outline:3px solid var(--strong);outline-offset:2px}
footer{margin:1rem .25rem 0;color:var(--quiet);font-size:.875rem}
@media(forced-colors:active){li::before{background:CanvasText}}
"#;
