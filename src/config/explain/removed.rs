//! Prints the headers that are removed from every request.

use crate::decide::fields::proxy_only;

/// The headers that are removed from every request, as YAML comments.
pub(super) fn headers() -> String {
    let mut out =
        "# Headers that only a proxy in front could say are removed from every request, with any other sign for - as well;\n\
         # `upstream.pass_headers` gives one back:\n#"
            .to_owned();
    let mut width = 1;
    for name in proxy_only::listed() {
        if width + 1 + name.len() > 120 {
            out.push_str("\n#");
            width = 1;
        }
        width += 1 + name.len();
        out.push(' ');
        out.push_str(&name);
    }
    out.push('\n');
    out
}
