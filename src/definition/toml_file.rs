//! TOML files as types, with errors that say where and, for an unknown word, what was meant.

use serde::de::DeserializeOwned;
use toml::de::DeTable;

use super::source::{DefinitionError, Source};
use super::suggestion;
use crate::sql::Position;

/// Reads a file as a type.
///
/// # Errors
/// What is no TOML, or does not fit the type, with its place.
pub(super) fn read<T: DeserializeOwned>(source: &Source) -> Result<T, DefinitionError> {
    toml::from_str(&source.text).map_err(|error| {
        let (message, help) = explain(error.message());
        let place = source.error(error.span().map_or(0, |span| span.start), message);
        match help {
            Some(help) => place.help(help),
            None => place,
        }
    })
}

/// What toml says of a value, in the words of TOML, as `reason; help`.
pub(super) fn in_plain_words(message: &str) -> String {
    match explain(message) {
        (message, Some(help)) => format!("{message}; {help}"),
        (message, None) => message,
    }
}

/// Where the value at `path` stands, key after key. Of a path that does not exist, the part that does.
pub(super) fn position_of(source: &Source, path: &[&str]) -> Position {
    let Ok(document) = DeTable::parse(&source.text) else {
        return Position::START;
    };
    let offset = offset_in(document.get_ref(), path).unwrap_or(0);
    source.position(offset)
}

/// Where the item of the array at `path` stands that has this index; where there is none, as [`position_of`].
pub(super) fn position_of_item(source: &Source, path: &[&str], index: usize) -> Position {
    let Ok(document) = DeTable::parse(&source.text) else {
        return Position::START;
    };
    let (last, tables) = path.split_last().unwrap_or((&"", &[]));
    let within = tables.iter().try_fold(document.get_ref(), |table, key| {
        table.get(*key)?.get_ref().as_table()
    });
    let array = within.and_then(|table| table.get(*last)?.get_ref().as_array());
    match array.and_then(|array| array.get(index)) {
        Some(item) => source.position(item.span().start),
        None => position_of(source, path),
    }
}

/// An error at the value at `path`.
pub(super) fn error_of(
    source: &Source,
    path: &[&str],
    message: impl Into<String>,
) -> DefinitionError {
    source.error_at(position_of(source, path), message)
}

fn offset_in(table: &DeTable<'_>, path: &[&str]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let (_, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    let inner = value
        .get_ref()
        .as_table()
        .and_then(|table| offset_in(table, rest));
    Some(inner.unwrap_or(value.span().start))
}

/// Says in the words of TOML what serde says in the words of Rust.
fn explain(message: &str) -> (String, Option<String>) {
    let known_words = |text: &str| -> Vec<String> {
        text.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    for (prefix, what, known) in [
        ("unknown field `", "key", "keys"),
        ("unknown variant `", "value", "values"),
    ] {
        if let Some((word, rest)) = message
            .strip_prefix(prefix)
            .and_then(|rest| rest.split_once("`, "))
        {
            let words = known_words(rest);
            let help = suggestion::did_you_mean(word, known, words.iter().map(String::as_str));
            return (format!("unknown {what} `{word}`"), Some(help));
        }
    }
    if let Some(key) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        return (
            format!("key `{key}` is missing"),
            Some(format!("add `{key} = …`")),
        );
    }
    let mismatch = message
        .strip_prefix("invalid type: ")
        .or(message.strip_prefix("invalid value: "));
    if let Some((found, expected)) = mismatch.and_then(|rest| rest.split_once(", expected ")) {
        return (
            format!(
                "found {}, expected {}",
                in_toml_words(found),
                in_toml_words(expected)
            ),
            None,
        );
    }
    // What toml says of a word that is to be one of several.
    if message == "wanted string or table" {
        return ("expected a string".to_owned(), None);
    }
    if let Some((message, help)) = message.split_once("; ") {
        return (message.to_owned(), Some(help.to_owned()));
    }
    (message.replace('\n', "; "), None)
}

fn in_toml_words(serde: &str) -> String {
    match serde {
        "u64" | "u32" | "u16" | "usize" => "a whole number, 0 or more".to_owned(),
        "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "sequence" | "a sequence" => "an array".to_owned(),
        "map" | "a map" => "a table".to_owned(),
        _ if serde.starts_with("struct ") => "a table".to_owned(),
        _ => serde
            .replace("floating point", "number")
            .replace("boolean ", ""),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only read by serde")]
        count: u64,
        #[expect(dead_code, reason = "only read by serde")]
        #[serde(default)]
        share: f64,
        #[expect(dead_code, reason = "only read by serde")]
        #[serde(default)]
        word: Word,
        #[expect(dead_code, reason = "only read by serde")]
        #[serde(default)]
        inner: BTreeMap<String, bool>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        #[default]
        AtLeastOnce,
        AtMostOnce,
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(
            read::<Sample>(&Source::new("a.toml", text))
                .unwrap_err()
                .to_string(),
            format!("a.toml:{expected}")
        );
    }

    #[test]
    fn errors_have_a_place_and_plain_words() {
        refused(
            "count = 1\nshar = 1.0\n",
            "2:1: unknown key `shar`; did you mean `share`?",
        );
        refused(
            "count = 1\nx = 1\n",
            "2:1: unknown key `x`; keys: `count`, `share`, `word`, `inner`",
        );
        refused(
            "count = 1\nword = \"at-least-onse\"\n",
            "2:8: unknown value `at-least-onse`; did you mean `at-least-once`?",
        );
        refused(
            "share = 1.0\n",
            "1:1: key `count` is missing; add `count = …`",
        );
        refused(
            "count = -1",
            "1:9: found integer `-1`, expected a whole number, 0 or more",
        );
        refused(
            "count = 1\nshare = \"x\"",
            "2:9: found string \"x\", expected a number",
        );
        refused(
            "count = 1\ninner = 1",
            "2:9: found integer `1`, expected a table",
        );
        refused(
            "count = 1\n[inner]\na = 2",
            "3:5: found integer `2`, expected true or false",
        );
        refused("count = 1\ncount = 2", "2:1: duplicate key");
    }

    #[test]
    fn what_is_no_toml_has_a_place_too() {
        let error = read::<Sample>(&Source::new("a.toml", "count = 1\nshare = = 2\n")).unwrap_err();
        assert_eq!(
            error.position,
            Some(Position { line: 2, column: 9 }),
            "{error}"
        );
        assert!(!error.to_string().contains('\n'), "{error}");
    }

    #[test]
    fn values_are_found_by_their_path() {
        let source = Source::new("a.toml", "a = 1\n[b]\nc = 2\n");
        let at = |path: &[&str]| position_of(&source, path).to_string();
        assert_eq!(at(&["a"]), "1:5");
        assert_eq!(at(&["b", "c"]), "3:5");
        assert_eq!(at(&["b", "x"]), "2:1");
        assert_eq!(at(&["x"]), "1:1");
        let source = Source::new("a.toml", "[b]\nc = [\n  \"x\",\n  \"y\",\n]\n");
        let item = |path: &[&str], index| position_of_item(&source, path, index).to_string();
        assert_eq!(item(&["b", "c"], 1), "4:3");
        assert_eq!(item(&["b", "c"], 2), "2:5");
        assert_eq!(item(&["b", "d"], 0), "1:1");
        assert_eq!(item(&["d"], 0), "1:1");
    }
}
