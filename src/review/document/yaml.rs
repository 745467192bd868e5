//! EXPLAIN (FORMAT YAML) as JSON.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

use super::writer::{Writer, scalar};

/// The same document as JSON; where it is broken, what is before that, with what is wrong.
pub(super) fn to_json(text: &str) -> Result<String, (String, String)> {
    let mut writer = Writer::default();
    // The key that waits for its value.
    let mut key: Option<String> = None;
    for event in Parser::new_from_str(text) {
        match event {
            Err(error) => return Err((writer.finish(), error.to_string())),
            Ok((Event::Scalar(text, ..), _)) if writer.is_in_object() && key.is_none() => {
                key = Some(text.into_owned());
            }
            // An empty list is printed as nothing behind its key.
            Ok((Event::Scalar(text, ScalarStyle::Plain, ..), _)) if matches!(&*text, "" | "~") => {
                key = None;
            }
            Ok((Event::Scalar(text, style, ..), _)) => {
                let is_plain = style == ScalarStyle::Plain;
                let value = if is_plain {
                    scalar(&text)
                } else {
                    Value::from(text)
                };
                writer.value(key.take().as_deref(), &value);
            }
            Ok((Event::MappingStart(..), _)) => writer.begin_object(key.take().as_deref()),
            Ok((Event::SequenceStart(..), _)) => writer.begin_array(key.take().as_deref()),
            Ok((Event::MappingEnd | Event::SequenceEnd, _)) => writer.end(),
            Ok((Event::Alias(_), _)) => {
                let reason = "it refers to another part of itself, which EXPLAIN never prints";
                return Err((writer.finish(), reason.to_owned()));
            }
            Ok(_) => {}
        }
    }
    Ok(writer.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_are_texts_and_plain_ones_numbers() {
        let text = "- Plan: \n    Node Type: \"Limit\"\n    Total Cost: 1.50\n    Parallel Aware: false\n    Output: \n      - \"1\"\n      - \"a: b\"\n  Triggers: \n  Execution Time: 0.5";
        let json = to_json(text).unwrap();
        let expected = r#"[{"Plan":{"Node Type":"Limit","Total Cost":1.5,"Parallel Aware":false,"Output":["1","a: b"]},"Execution Time":0.5}]"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn what_is_broken_keeps_its_beginning() {
        let (json, reason) =
            to_json("- Plan: \n    Node Type: \"Limit\"\n    Alias: \"cut").unwrap_err();
        assert!(
            json.starts_with(r#"[{"Plan":{"Node Type":"Limit""#),
            "{json}"
        );
        assert!(!reason.is_empty());
        assert!(to_json("- &a [*a]").is_err());
    }
}
