//! What a package client prints, without the secrets its configuration may have put there.

/// What stands where a secret stood.
const HIDDEN: &str = "***";

/// Words after which, behind a `=` or a `:`, the rest of the line is secret, as package clients write them in settings and headers.
const SETTINGS: &[&str] = &[
    "_authtoken",
    "_auth",
    "_password",
    "password",
    "authorization",
    "token",
];

/// Words after which, behind a blank, the rest of the line is secret.
const SCHEMES: &[&str] = &["bearer", "basic"];

/// Hides user names and passwords in URLs (wherever they stand in a sentence, and not what only looks like them: an npm package's scope),
/// their queries, and what follows a word that announces a secret.
pub(super) fn redact(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(redact_line).collect();
    lines.join("\n")
}

fn redact_line(line: &str) -> String {
    let line = without_announced_secret(line);
    let mut result = String::new();
    let mut rest = line.as_str();
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + "://".len());
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>'))
            .unwrap_or(after.len());
        result.push_str(before);
        result.push_str(&without_credentials(&after[..end]));
        rest = &after[end..];
    }
    result + rest
}

/// A URL behind its `://`. A password may hold any sign, so everything up to the last `@` goes, except one that begins a part of the
/// path: that is a package's scope.
fn without_credentials(url: &str) -> String {
    let at = url
        .char_indices()
        .rev()
        .find(|(index, c)| *c == '@' && !url[..*index].ends_with('/'))
        .map(|(index, _)| index);
    let kept = at.map_or(url.to_owned(), |at| format!("{HIDDEN}{}", &url[at..]));
    match kept.find('?') {
        Some(query) => format!("{}?{HIDDEN}", &kept[..query]),
        None => kept,
    }
}

/// The line up to a secret that a word announces.
fn without_announced_secret(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let mut end = line.len();
    for word in SETTINGS.iter().chain(SCHEMES) {
        for (start, _) in lower.match_indices(word) {
            let after = start + word.len();
            let rest = &lower[after..];
            // `token` inside another word, or in a sentence, announces nothing.
            let begins = !lower[..start].ends_with(|c: char| c.is_ascii_alphanumeric());
            let sign = if SCHEMES.contains(word) {
                rest.starts_with(' ').then_some(after + 1)
            } else {
                let sign = rest.trim_start_matches([' ', '"', '\'']);
                sign.starts_with(['=', ':'])
                    .then_some(line.len() - sign.len() + 1)
            };
            if let Some(sign) = sign.filter(|_| begins) {
                end = end.min(sign);
            }
        }
    }
    if end < line.len() {
        format!("{}{HIDDEN}", &line[..end])
    } else {
        line.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn secrets_are_hidden_and_the_rest_stays() {
        for (text, expected) in [
            (
                "GET https://joe:s3cret@mirror.example/simple/ failed",
                "GET https://***@mirror.example/simple/ failed",
            ),
            (
                "http://joe:pa/ss@w@proxy.example:3128",
                "http://***@proxy.example:3128",
            ),
            (
                "GET https://mirror.example/@embedded-postgres%2flinux-x64",
                "GET https://mirror.example/@embedded-postgres%2flinux-x64",
            ),
            (
                "https://mirror.example/a.tgz?key=s3cret - 404",
                "https://mirror.example/a.tgz?*** - 404",
            ),
            (
                "https://mirror.example/a?key=s3cret'",
                "https://mirror.example/a?***'",
            ),
            (
                "//mirror.example/:_authToken=s3cret",
                "//mirror.example/:_authToken=***",
            ),
            ("_auth = s3cret", "_auth =***"),
            ("{\"_password\": \"s3cret\"}", "{\"_password\":***"),
            ("sent Basic s3cret", "sent Basic ***"),
            (
                "Your authentication token seems to be invalid",
                "Your authentication token seems to be invalid",
            ),
            ("Authorization: Bearer s3cret", "Authorization:***"),
            (
                "two\nlines with _password=s3cret",
                "two\nlines with _password=***",
            ),
            (
                "npm error 404 No match found for version 18.4.0-beta.17",
                "npm error 404 No match found for version 18.4.0-beta.17",
            ),
            ("", ""),
        ] {
            let hidden = redact(text);
            assert_eq!(hidden, expected, "{text}");
            assert!(!hidden.contains("s3cret"), "{hidden}");
        }
    }
}
