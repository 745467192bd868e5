//! Keys and numbers as PostgreSQL prints them: integers that may come as `12.00`, or too large for an integer.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// A key, borrowed from the text where it holds no escape.
pub(super) struct Key<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}

/// A number that may have a fraction. What is not finite (`1e999`) does not pass serde_json.
pub(super) struct Real(pub(super) f64);

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_f64(NumberVisitor)
            .map(|number| Real(number.real()))
    }
}

/// A count: rounded where it has a fraction, 0 where it is negative.
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_u64(NumberVisitor)
            .map(|number| Count(number.count()))
    }
}

/// A 64-bit identifier. One above `i64::MAX` is the same 64 bits read without a sign.
pub(super) struct Identifier(pub(super) i64);

impl<'de> Deserialize<'de> for Identifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_i64(NumberVisitor)? {
            Number::Unsigned(bits) => Ok(Identifier(bits as i64)),
            Number::Signed(id) => Ok(Identifier(id)),
            Number::Real(value) => Err(D::Error::custom(format_args!(
                "identifier {value} is not a 64-bit integer"
            ))),
        }
    }
}

/// A JSON number as serde_json hands it out.
enum Number {
    Unsigned(u64),
    Signed(i64),
    Real(f64),
}

impl Number {
    fn real(&self) -> f64 {
        match *self {
            Number::Unsigned(value) => value as f64,
            Number::Signed(value) => value as f64,
            Number::Real(value) => value,
        }
    }

    fn count(&self) -> u64 {
        match *self {
            Number::Unsigned(value) => value,
            Number::Signed(value) => u64::try_from(value).unwrap_or(0),
            Number::Real(value) => value.round() as u64,
        }
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> {
        Ok(Number::Unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Number, E> {
        Ok(Number::Signed(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Number, E> {
        Ok(Number::Real(value))
    }
}
