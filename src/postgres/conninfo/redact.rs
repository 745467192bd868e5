//! Text without the passwords that may be in it: connection strings, well written or not.
//!
//! Rather too much is hidden than too little: where a password ends cannot be known in a string that is not well written.

use super::keyword::KEYWORDS;
use super::text::parse;

/// What stands in place of a password.
const HIDDEN: &str = "***";

/// Hides passwords in one connection string or one argument of a command line: what stands between user and host in a URL, what
/// cannot be a port after a URL's colon, and the value of any parameter or variable named like a secret. Text without any of
/// these stays as it is.
#[must_use]
pub fn redact(text: &str) -> String {
    let text = match text.find("://") {
        Some(at) => {
            let (scheme, rest) = text.split_at(at + "://".len());
            format!("{}{}", scheme, redact_authority(rest))
        }
        // A URL in which the scheme is written wrongly, maybe.
        None if text.contains('@') => redact_authority(text),
        None => text.to_owned(),
    };
    redact_values(&text)
}

/// What follows the scheme of a URL.
fn redact_authority(text: &str) -> String {
    if let Some(at) = text.rfind('@') {
        // The last @, because a password may have one that should have been written %40.
        let (user, hosts) = text.split_at(at);
        return match user.split_once(':') {
            // What does not read as hosts may be the rest of a password that nobody put a host behind.
            Some((user, _)) if !reads_as_hosts(&hosts[1..]) => format!("{user}:{HIDDEN}"),
            Some((user, _)) => format!("{user}:{HIDDEN}{hosts}"),
            None => text.to_owned(),
        };
    }
    // Without an @ a colon stands before a port, unless somebody forgot the host: then it does not read as a URL.
    let authority = &text[..text.find(['/', '?']).unwrap_or(text.len())];
    let after_address = match authority.starts_with('[') {
        true => authority.find(']').unwrap_or(0),
        false => 0,
    };
    match authority[after_address..].find(':') {
        Some(colon) if !reads_as_hosts(text) => {
            format!("{}{HIDDEN}", &text[..=after_address + colon])
        }
        _ => text.to_owned(),
    }
}

fn reads_as_hosts(text: &str) -> bool {
    parse(&format!("postgres://{text}")).is_ok()
}

/// Hides the values of secret parameters, in URLs and in `key=value` pairs.
fn redact_values(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(equals) = text[from..].find('=').map(|at| from + at) {
        let value = equals + 1;
        shown.push_str(&text[from..value]);
        from = value;
        if is_secret(name_before(&text[..equals])) {
            from = value_end(text, value);
            if from > value {
                shown.push_str(HIDDEN);
            }
        }
    }
    shown.push_str(&text[from..]);
    shown
}

/// The name that ends where the text ends.
fn name_before(text: &str) -> &str {
    let text = text.trim_end();
    let start = text
        .char_indices()
        .rev()
        .take_while(|(_, character)| is_of_name(*character))
        .last()
        .map_or(text.len(), |(at, _)| at);
    &text[start..]
}

/// Percent-encoding too: a name may be written with it.
fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '%')
}

fn is_secret(name: &str) -> bool {
    let name = decoded(name).to_ascii_lowercase();
    let words = [
        "password",
        "passwd",
        "secret",
        "scram_client_key",
        "scram_server_key",
    ];
    words.iter().any(|word| name.contains(word))
}

fn decoded(name: &str) -> String {
    let mut plain = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let code = after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(code) = code else {
            rest = after;
            continue;
        };
        plain.push(char::from(code));
        rest = &after[2..];
    }
    plain + rest
}

/// Where a value ends: before a known parameter, or where the text ends. What stands in quotes belongs to it.
fn value_end(text: &str, start: usize) -> usize {
    let blank = text[start..].len() - text[start..].trim_start().len();
    let mut quoted = text[start + blank..].starts_with('\'');
    let first = start + blank + usize::from(quoted);
    let mut escaped = false;
    for (at, character) in text[first..].char_indices() {
        let at = first + at;
        match character {
            '\'' if quoted && !escaped => quoted = false,
            '&' | ' ' | '\t' | '\n' | '\r'
                if !quoted && !escaped && at > first && known_follows(&text[at + 1..]) =>
            {
                return at;
            }
            _ => {}
        }
        escaped = character == '\\' && !escaped;
    }
    text.len()
}

fn known_follows(text: &str) -> bool {
    let text = text.trim_start();
    let end = text
        .find(|character| !is_of_name(character))
        .unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    after.trim_start().starts_with('=') && KEYWORDS.iter().any(|keyword| keyword.name == name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn passwords_are_hidden_and_the_rest_is_not() {
        for (text, wanted) in [
            ("postgres://u:secret@h:5432/d", "postgres://u:***@h:5432/d"),
            (
                "--database-url=postgres://u:p@ss@host/d",
                "--database-url=postgres://u:***@host/d",
            ),
            (
                "postgres://u:pa/ss@host/d?sslmode=require",
                "postgres://u:***@host/d?sslmode=require",
            ),
            (
                "postgres://u@h/d?password=a%20b&sslmode=require",
                "postgres://u@h/d?password=***&sslmode=require",
            ),
            (
                "postgres://h/d?%70assword=a&b",
                "postgres://h/d?%70assword=***",
            ),
            ("postgres://u:secret/d", "postgres://u:***"),
            ("postgres://a:1,b:secret", "postgres://a:***"),
            ("mysql://u:secret@h", "mysql://u:***@h"),
            (
                "host=h password='a b=c' user=u",
                "host=h password=*** user=u",
            ),
            (
                r"host=h password=a\ user=c user=u",
                "host=h password=*** user=u",
            ),
            ("password = it's one port=5", "password =*** port=5"),
            ("password='open user=u", "password=***"),
            ("PGPASSWORD=x", "PGPASSWORD=***"),
            ("sslpassword=k host=h", "sslpassword=*** host=h"),
        ] {
            assert_eq!(redact(text), wanted);
        }
        for text in [
            "postgres://u@h:5432/d",
            "postgres://[::1]:5432,b:6/d?target_session_attrs=any",
            "host=h passfile=/p",
            "password=",
            "--quick",
            "/some/path",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    fn encoded(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    proptest! {
        #[test]
        fn no_password_gets_through(before in "[ -~é]{0,12}", after in "[ -~é]{0,12}") {
            let password = format!("{before}S3CRET{after}");
            let quoted = password.replace('\\', r"\\").replace('\'', r"\'");
            for text in [
                format!("postgres://u:{password}@h/d"),
                format!("postgresql://u:{password}@h:5,i/d?sslmode=require"),
                format!("postgres://u@h/d?password={password}"),
                format!("postgres://u@h/d?sslmode=require&password={password}&user=x"),
                format!("host=h password='{quoted}' user=u"),
                format!("host=h password={password}"),
                format!("password='{password}"),
            ] {
                let shown = redact(&text);
                prop_assert!(!shown.contains("S3CRET"), "{text} became {shown}");
            }
            let url = format!("postgres://u:{}@h/d", encoded(&password));
            prop_assert_eq!(redact(&url), "postgres://u:***@h/d");
        }

        #[test]
        fn any_text_is_taken(text in "\\PC{0,60}") {
            let _ = redact(&text);
        }

        #[test]
        fn what_parses_is_hidden_and_what_does_not_parse_is_not_quoted(password in "[ -~]{0,8}S3CRET[ -~]{0,8}") {
            for text in [format!("postgres://u:{password}@h/d"), format!("password={password} host=h"), format!("postgres://{password}")] {
                if let Err(reason) = parse(&text) {
                    prop_assert!(!reason.contains("S3CRET"), "{text}: {reason}");
                }
            }
        }
    }
}
