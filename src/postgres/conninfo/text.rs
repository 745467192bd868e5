//! A connection string taken apart: a URL, or `key=value` pairs. Reads no file and no environment.
//!
//! Source: PostgreSQL's documentation of libpq, "Connection Strings". A reason never quotes what stands in the text: it may be part of
//! a password.

/// Parameters in the order they were written.
pub(super) type Pairs = Vec<(String, String)>;

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Takes a connection string apart.
///
/// # Errors
/// What is wrong with it, without quoting it.
pub(super) fn parse(text: &str) -> Result<Pairs, String> {
    let text = text.trim();
    if let Some(rest) = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)) {
        return parse_url(rest);
    }
    let before_equals = text.split('=').next().unwrap_or_default();
    if before_equals.contains("://") {
        return Err("a URL has to begin with postgres:// or postgresql://".to_owned());
    }
    if !text.is_empty() && !text.contains('=') {
        return Err("it is neither a URL (postgres://user@host/database) nor key=value pairs (host=… dbname=…)".to_owned());
    }
    parse_pairs(text)
}

/// What follows `postgres://`.
fn parse_url(text: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let rest = match text.find(['@', '/']) {
        Some(at) if text[at..].starts_with('@') => {
            let user = &text[..at];
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            store(&mut pairs, "user", user)?;
            store(&mut pairs, "password", password)?;
            &text[at + 1..]
        }
        _ => text,
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
    // A password with an @ or a / in it, written as it is, puts the separator into the wrong place: what follows is no host then.
    if hosts.contains('@') || database.contains('@') {
        return Err(
            "an @ that is not the one before the host has to be written %40, a / in a password %2F"
                .to_owned(),
        );
    }
    parse_hosts(&mut pairs, hosts)?;
    store(&mut pairs, "dbname", database)?;
    for parameter in query.split('&') {
        parse_parameter(&mut pairs, parameter)?;
    }
    Ok(pairs)
}

/// `host:port,[::1]:port,…`
fn parse_hosts(pairs: &mut Pairs, text: &str) -> Result<(), String> {
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for each in text.split(',') {
        let (host, port) = if let Some(bracketed) = each.strip_prefix('[') {
            let (address, rest) = bracketed
                .split_once(']')
                .ok_or("a [ before an IPv6 address has no ]")?;
            if address.parse::<std::net::Ipv6Addr>().is_err() && !address.contains('%') {
                return Err("what stands in [ ] is no IPv6 address".to_owned());
            }
            match rest.strip_prefix(':') {
                Some(port) => (address.to_owned(), port),
                None if rest.is_empty() => (address.to_owned(), ""),
                None => {
                    return Err("after the ] of an IPv6 address only a port may follow".to_owned());
                }
            }
        } else {
            let (host, port) = each.split_once(':').unwrap_or((each, ""));
            (decode(host)?, port)
        };
        if host.contains(',') {
            return Err("a host's name has a comma in it".to_owned());
        }
        hosts.push(host);
        let port = decode(port)?;
        if !port.is_empty() && port.parse::<u16>().is_err() {
            return Err("what follows the host's colon is no port (an @ in front of the host, or a part of the password that has to be written %XX?)".to_owned());
        }
        ports.push(port);
    }
    for (name, values) in [("host", hosts), ("port", ports)] {
        if values.iter().any(|value| !value.is_empty()) {
            pairs.push((name.to_owned(), values.join(",")));
        }
    }
    Ok(())
}

/// `name=value` of a URL.
fn parse_parameter(pairs: &mut Pairs, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let (name, value) = text
        .split_once('=')
        .ok_or("a parameter after the ? has no =")?;
    if value.contains('=') {
        return Err(
            "a parameter after the ? has two = (in a value it has to be written %3D)".to_owned(),
        );
    }
    let (name, value) = (decode(name)?, decode(value)?);
    // As JDBC has it.
    if name == "ssl" && value == "true" {
        pairs.push(("sslmode".to_owned(), "require".to_owned()));
    } else {
        pairs.push((name, value));
    }
    Ok(())
}

/// An empty part of a URL says nothing.
fn store(pairs: &mut Pairs, name: &str, text: &str) -> Result<(), String> {
    if !text.is_empty() {
        pairs.push((name.to_owned(), decode(text)?));
    }
    Ok(())
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(
                "a % is not followed by two hexadecimal digits (a % itself has to be written %25)"
                    .to_owned(),
            );
        };
        match u8::try_from(high * 16 + low) {
            Ok(byte) if byte != 0 => bytes.push(byte),
            _ => return Err("%00 stands for nothing".to_owned()),
        }
    }
    String::from_utf8(bytes).map_err(|_| "what the %XX stand for is not UTF-8".to_owned())
}

/// `key = value key='a value'`.
fn parse_pairs(text: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_ascii_whitespace())
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let Some(value) = after.trim_start().strip_prefix('=') else {
            return Err(format!(
                "the {} word has no = after it (a value with a space needs quotes: password='a b')",
                ordinal(pairs.len() + 1)
            ));
        };
        let (value, after) = parse_value(value.trim_start())?;
        pairs.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// One value, and what follows it.
fn parse_value(text: &str) -> Result<(String, &str), String> {
    let quoted = text.strip_prefix('\'');
    let body = quoted.unwrap_or(text);
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted.is_some() => return Ok((value, &body[at + 1..])),
            space if quoted.is_none() && space.is_ascii_whitespace() => {
                return Ok((value, &body[at..]));
            }
            other => value.push(other),
        }
    }
    if quoted.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    Ok((value, ""))
}

fn ordinal(number: usize) -> String {
    match number {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        more => format!("{more}th"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        match parse(text) {
            Ok(pairs) => pairs
                .iter()
                .map(|(name, value)| format!("{name}={value};"))
                .collect(),
            Err(reason) => format!("error: {reason}"),
        }
    }

    #[test]
    fn urls_are_read_as_libpq_reads_them() {
        for (url, wanted) in [
            ("postgresql://", ""),
            ("postgres://localhost", "host=localhost;"),
            ("postgresql://localhost:5433", "host=localhost;port=5433;"),
            ("postgresql://localhost/mydb", "host=localhost;dbname=mydb;"),
            ("postgresql://user@localhost", "user=user;host=localhost;"),
            (
                "postgresql://user:secret@localhost",
                "user=user;password=secret;host=localhost;",
            ),
            (
                "postgresql://user:a%40b%2Fc@h/d",
                "user=user;password=a@b/c;host=h;dbname=d;",
            ),
            (
                "postgresql://u@/d?host=/tmp&port=6",
                "user=u;dbname=d;host=/tmp;port=6;",
            ),
            (
                "postgresql://a:1,b,[::1]:3/d",
                "host=a,b,::1;port=1,,3;dbname=d;",
            ),
            (
                "postgresql://[2001:db8::1234]/d",
                "host=2001:db8::1234;dbname=d;",
            ),
            ("postgresql://%2Fvar%2Flib/d", "host=/var/lib;dbname=d;"),
            (
                "postgresql:///d?host=localhost&",
                "dbname=d;host=localhost;",
            ),
            (
                "postgresql://h/d?ssl=true",
                "host=h;dbname=d;sslmode=require;",
            ),
            (
                "postgresql://h?application_name=a%20b",
                "host=h;application_name=a b;",
            ),
            ("postgresql://:@h", "host=h;"),
            (
                "postgresql://u:p?:x@h/d",
                "user=u;password=p?:x;host=h;dbname=d;",
            ),
        ] {
            assert_eq!(written(url), wanted, "{url}");
        }
    }

    #[test]
    fn pairs_are_read_as_libpq_reads_them() {
        for (text, wanted) in [
            ("", ""),
            ("host=a port = 5 ", "host=a;port=5;"),
            (
                r"password='it\'s \\ a b'  user=u",
                r"password=it's \ a b;user=u;",
            ),
            (r"password=a\ b user=''", "password=a b;user=;"),
            ("host='' dbname=\tx", "host=;dbname=x;"),
        ] {
            assert_eq!(written(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_without_quoting_it() {
        for (text, reason) in [
            ("postgres://u:p@ss@host", "has to be written %40"),
            ("postgres://u:pa/ss@host/d", "has to be written %40"),
            ("postgres://u:pa/ss", "is no port"),
            ("postgres://u:12/ss@host/d", "has to be written %40"),
            ("postgres://u:p%zz@host", "two hexadecimal digits"),
            ("postgres://u:p%00@host", "%00"),
            ("postgres://[::1", "no ]"),
            ("postgres://[ss]:5", "no IPv6 address"),
            ("postgres://h:99999", "is no port"),
            ("postgres://h?password", "no ="),
            ("postgres://h?password=s=s", "two ="),
            ("mysql://u:ss@h", "postgres://"),
            ("postgresql+asyncpg://u:ss@h", "postgres://"),
            ("ss", "neither a URL"),
            ("host=h password=a ss", "third word has no ="),
            ("password='ss", "not closed"),
        ] {
            let written = written(text);
            let said = written.strip_prefix("error: ").expect(text);
            assert!(said.contains(reason), "{text}: {said}");
            assert!(
                !said.contains("ss@") && !said.contains("ss'"),
                "{text}: {said}"
            );
        }
    }
}
