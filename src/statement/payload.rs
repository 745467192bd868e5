//! Which job a payload is of, read out of its bytes as the server sent them.
//!
//! A payload as the program writes it is read without an allocation, in whatever order and spacing its keys come back; anything else
//! goes through a JSON parser. What cannot be read is no error: the job is unknown, or known and not whole.

use std::borrow::Cow;

use serde::Deserialize;
use tokio_postgres::types::Type;

use crate::definition::payload::payload_checksum;

/// How a payload's bytes hold its JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As they are: text, json, bytea.
    Plain,
    /// Behind a byte with the version, 1: jsonb.
    Versioned,
}

impl Form {
    /// The form of a type; none for a type that holds no JSON.
    #[must_use]
    pub fn of(type_: &Type) -> Option<Form> {
        match *type_ {
            Type::JSONB => Some(Form::Versioned),
            Type::JSON | Type::TEXT | Type::VARCHAR | Type::BYTEA => Some(Form::Plain),
            _ => None,
        }
    }
}

/// Which job a payload is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The job's number in its fixture, from 1; none where the payload does not say.
    pub seq: Option<u64>,
    /// Whether the checksum is that of the number and the data.
    pub whole: bool,
}

impl Identity {
    /// Of a payload that says nothing.
    pub const UNKNOWN: Identity = Identity {
        seq: None,
        whole: false,
    };
}

/// Reads who a payload is of.
#[must_use]
pub fn identify(form: Form, bytes: &[u8]) -> Identity {
    let json = match form {
        Form::Plain => bytes,
        Form::Versioned => match bytes {
            [1, json @ ..] => json,
            _ => return Identity::UNKNOWN,
        },
    };
    let read = Scanner { rest: json }.object();
    let (seq, data, checksum) = match read.unwrap_or_else(|_| parse(json)) {
        Fields {
            seq: Some(seq),
            data: Some(data),
            checksum: Some(checksum),
        } => (seq, data, checksum),
        Fields { seq, .. } => return Identity { seq, whole: false },
    };
    Identity {
        seq: Some(seq),
        whole: hexadecimal(&checksum) == Some(payload_checksum(seq, &data)),
    }
}

/// What is read of a payload: as bytes, since a checksum is all that is asked of them.
#[derive(Default, Deserialize)]
struct Fields<'a> {
    #[serde(default, deserialize_with = "lenient")]
    seq: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    data: Option<Cow<'a, [u8]>>,
    #[serde(default, deserialize_with = "text")]
    checksum: Option<Cow<'a, [u8]>>,
}

/// The bytes of a text.
fn text<'de, 'a, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'a, [u8]>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| Cow::Owned(text.into_bytes())))
}

/// A number of the right kind, or none whatever stands there.
fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)?.as_u64())
}

/// What a parser reads; an array is no payload, whatever is in it.
fn parse(json: &[u8]) -> Fields<'_> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Fields::default();
    }
    serde_json::from_slice(json).unwrap_or_default()
}

/// A checksum as it is written: exactly 16 digits.
fn hexadecimal(digits: &[u8]) -> Option<u64> {
    if digits.len() != 16 {
        return None;
    }
    digits.iter().try_fold(0, |number: u64, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(number << 4 | u64::from(value))
    })
}

/// Something the scanner leaves to the parser: nested values, escapes, numbers that are no counts.
struct Unusual;

/// Reads one flat object of strings without escapes and whole numbers.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn object(mut self) -> Result<Fields<'a>, Unusual> {
        let mut fields = Fields::default();
        self.expect(b'{')?;
        loop {
            let key = self.key()?;
            self.expect(b':')?;
            match key {
                b"seq" => fields.seq = Some(self.number()?),
                b"data" => fields.data = Some(Cow::Borrowed(self.string()?)),
                b"checksum" => fields.checksum = Some(Cow::Borrowed(self.string()?)),
                _ => self.scalar()?,
            }
            match self.next()? {
                b',' => {}
                b'}' => break,
                _ => return Err(Unusual),
            }
        }
        self.skip_space();
        if self.rest.is_empty() {
            Ok(fields)
        } else {
            Err(Unusual)
        }
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Result<u8, Unusual> {
        self.skip_space();
        let (first, rest) = self.rest.split_first().ok_or(Unusual)?;
        self.rest = rest;
        Ok(*first)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unusual> {
        if self.next()? == byte {
            Ok(())
        } else {
            Err(Unusual)
        }
    }

    /// A string so short that looking at each byte is the fastest.
    fn key(&mut self) -> Result<&'a [u8], Unusual> {
        self.expect(b'"')?;
        let mut end = 0;
        loop {
            match self.rest.get(end) {
                Some(b'"') => break,
                None | Some(b'\\') => return Err(Unusual),
                Some(_) => end += 1,
            }
        }
        let key = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(key)
    }

    fn string(&mut self) -> Result<&'a [u8], Unusual> {
        self.expect(b'"')?;
        let end = memchr::memchr2(b'"', b'\\', self.rest).ok_or(Unusual)?;
        let (text, rest) = self.rest.split_at(end);
        if rest[0] == b'\\' {
            return Err(Unusual);
        }
        self.rest = &rest[1..];
        Ok(text)
    }

    fn number(&mut self) -> Result<u64, Unusual> {
        self.skip_space();
        let (mut number, mut digits) = (0_u64, 0);
        while let Some(digit @ b'0'..=b'9') = self.rest.get(digits) {
            let ten = number.checked_mul(10).ok_or(Unusual)?;
            number = ten.checked_add(u64::from(digit - b'0')).ok_or(Unusual)?;
            digits += 1;
        }
        let rest = &self.rest[digits..];
        if digits == 0 || matches!(rest.first(), Some(b'.' | b'e' | b'E')) {
            return Err(Unusual);
        }
        self.rest = rest;
        Ok(number)
    }

    /// A value nobody asks for.
    fn scalar(&mut self) -> Result<(), Unusual> {
        self.skip_space();
        match self.rest.first() {
            Some(b'"') => self.string().map(|_| ()),
            _ => self.number().map(|_| ()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(seq: u64) -> Identity {
        Identity {
            seq: Some(seq),
            whole: true,
        }
    }

    fn checksum(seq: u64, data: &str) -> String {
        format!("{:016x}", payload_checksum(seq, data.as_bytes()))
    }

    /// Whether the scanner alone reads it, as is meant for what the program writes.
    fn is_scanned(json: &str) -> bool {
        let scanner = Scanner {
            rest: json.as_bytes(),
        };
        scanner.object().is_ok()
    }

    #[test]
    fn what_the_program_writes_is_read_in_any_order_and_spacing() {
        let sum = checksum(17, "abc-_");
        for json in [
            format!(r#"{{"seq":17,"data":"abc-_","checksum":"{sum}"}}"#),
            format!(r#"{{"seq": 17, "data": "abc-_", "checksum": "{sum}"}}"#),
            format!(
                " {{ \"checksum\" :\n\"{sum}\", \"data\":\"abc-_\", \"more\": 3, \"seq\" : 17 }} "
            ),
        ] {
            assert!(is_scanned(&json), "{json}");
            assert_eq!(identify(Form::Plain, json.as_bytes()), whole(17), "{json}");
            let versioned = [&[1], json.as_bytes()].concat();
            assert_eq!(identify(Form::Versioned, &versioned), whole(17), "{json}");
        }
    }

    #[test]
    fn what_else_json_may_look_like_is_read_too() {
        let sum = checksum(5, "a\"b");
        let escaped = format!(
            r#"{{"tags": ["x"], "seq": 5, "data": "a\"b", "checksum": "{sum}", "nothing": null}}"#
        );
        assert!(!is_scanned(&escaped));
        assert_eq!(identify(Form::Plain, escaped.as_bytes()), whole(5));
    }

    #[test]
    fn what_was_altered_is_known_and_not_whole() {
        let altered = Identity {
            seq: Some(17),
            whole: false,
        };
        let sum = checksum(17, "abc");
        for json in [
            format!(r#"{{"seq": 17, "data": "abd", "checksum": "{sum}"}}"#),
            format!(
                r#"{{"seq": 17, "data": "abc", "checksum": "{}"}}"#,
                &sum[1..]
            ),
            format!(r#"{{"seq": 17, "data": "abc", "checksum": "{sum}0"}}"#),
            r#"{"seq": 17, "data": "abc"}"#.to_owned(),
            r#"{"seq": 17}"#.to_owned(),
        ] {
            assert_eq!(identify(Form::Plain, json.as_bytes()), altered, "{json}");
        }
    }

    #[test]
    fn what_says_nothing_is_unknown() {
        for bytes in [
            &b""[..],
            b"{",
            b"{}",
            b"[1]",
            b"null",
            b"\"text\"",
            br#"{"seq": "17"}"#,
            br#"{"seq": -1}"#,
            br#"{"seq": 1.5}"#,
            br#"{"seq": 99999999999999999999999}"#,
            br#"{"seq": 1} and more"#,
            b"\xff\xfe",
            br#"{"seq": 1, "data": "\ud800"}"#,
        ] {
            let text = String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(identify(Form::Plain, bytes), Identity::UNKNOWN, "{text}");
        }
        assert_eq!(identify(Form::Versioned, b""), Identity::UNKNOWN);
        assert_eq!(
            identify(Form::Versioned, b"{\"seq\": 1}"),
            Identity::UNKNOWN
        );
    }
}
