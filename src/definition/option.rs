//! The value of a queue's option, which `:name` stands for in its schema, populate and indexes.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum OptionValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction; never NaN or infinite when read from a file.
    Float(f64),
    /// Text.
    Text(String),
}

impl OptionValue {
    /// The value as an SQL literal: numbers bare, text quoted.
    #[must_use]
    pub fn literal(&self) -> String {
        match self {
            OptionValue::Boolean(value) => value.to_string(),
            // A space keeps a minus sign from making a comment of a minus before it.
            OptionValue::Integer(value) if *value < 0 => format!(" {value}"),
            OptionValue::Integer(value) => value.to_string(),
            OptionValue::Float(value) if value.is_sign_negative() => format!(" {value:?}"),
            OptionValue::Float(value) => format!("{value:?}"),
            OptionValue::Text(value) => format!("'{}'", value.replace('\'', "''")),
        }
    }

    /// What it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            OptionValue::Boolean(_) => "true or false",
            OptionValue::Integer(_) | OptionValue::Float(_) => "a number",
            OptionValue::Text(_) => "text",
        }
    }
}

impl<'de> Deserialize<'de> for OptionValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OptionValue, D::Error> {
        deserializer.deserialize_any(OptionValueVisitor)
    }
}

struct OptionValueVisitor;

impl Visitor<'_> for OptionValueVisitor {
    type Value = OptionValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a finite number, a string, true or false")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<OptionValue, E> {
        Ok(OptionValue::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<OptionValue, E> {
        Ok(OptionValue::Integer(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<OptionValue, E> {
        if value.is_finite() {
            Ok(OptionValue::Float(value))
        } else {
            Err(E::invalid_value(serde::de::Unexpected::Float(value), &self))
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<OptionValue, E> {
        Ok(OptionValue::Text(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        for (value, literal) in [
            (OptionValue::Boolean(true), "true"),
            (OptionValue::Integer(100), "100"),
            (OptionValue::Integer(-1), " -1"),
            (OptionValue::Float(0.1), "0.1"),
            (OptionValue::Float(-2.0), " -2.0"),
            (OptionValue::Text("it's".to_owned()), "'it''s'"),
        ] {
            assert_eq!(value.literal(), literal);
        }
    }
}
