//! The parameters of a connection, each with where it was given.

use std::collections::BTreeMap;

use super::keyword::{self, KEYWORDS};
use super::{ConninfoError, Surroundings, redact, service, text};

/// Where the connection string stands.
const STRING: &str = "the connection string";

#[derive(Debug)]
struct Value {
    text: String,
    origin: String,
}

/// Parameters by name.
#[derive(Debug, Default)]
pub(super) struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// Gathers what the string says, then its service, then the environment: what came first stays.
    ///
    /// # Errors
    /// If one of them cannot be read, or asks for what cannot be given.
    pub(super) fn gather(text: &str, surroundings: &Surroundings) -> Result<Values, ConninfoError> {
        let mut values = Values::default();
        let pairs = text::parse(text).map_err(|reason| ConninfoError::Text {
            text: redact(text),
            reason,
        })?;
        // In the string itself the last of two counts.
        for (name, value) in pairs.iter().rev() {
            values.fill(name, value, STRING)?;
        }
        values.translate_requiressl();
        let service = values
            .get("service")
            .or(surroundings.variable("PGSERVICE"))
            .map(str::to_owned);
        if let Some(service) = service.filter(|service| !service.is_empty()) {
            let file = values
                .get("servicefile")
                .or(surroundings.variable("PGSERVICEFILE"));
            let file = file.filter(|file| !file.is_empty());
            for (name, value) in service::look_up(&service, file, surroundings)? {
                values.fill(&name, &value, &format!("service {service}"))?;
            }
        }
        for keyword in KEYWORDS {
            let Some(variable) = keyword.variable else {
                continue;
            };
            if let Some(value) = surroundings.variable(variable) {
                values.fill(keyword.name, value, variable)?;
            }
        }
        values.translate_requiressl();
        Ok(values)
    }

    fn fill(&mut self, name: &str, value: &str, origin: &str) -> Result<(), ConninfoError> {
        let keyword = keyword::find(name, origin)?;
        if !self.0.contains_key(keyword.name) {
            keyword.check(value, origin)?;
            self.0.insert(
                keyword.name,
                Value {
                    text: value.to_owned(),
                    origin: origin.to_owned(),
                },
            );
        }
        Ok(())
    }

    /// The word sslmode had before there were modes.
    fn translate_requiressl(&mut self) {
        if let Some(value) = self.0.remove("requiressl")
            && value.text.starts_with('1')
        {
            let value = Value {
                text: "require".to_owned(),
                ..value
            };
            self.0.entry("sslmode").or_insert(value);
        }
    }

    /// A value; one that is empty stands for the default.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.text.as_str())
            .filter(|text| !text.is_empty())
    }

    /// Where it was given.
    pub(super) fn origin(&self, name: &str) -> &str {
        self.0
            .get(name)
            .map_or("the defaults", |value| &value.origin)
    }

    /// One of several words; the first is the default.
    ///
    /// # Errors
    /// If it is none of them.
    pub(super) fn choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<T, ConninfoError> {
        let text = self.get(name).unwrap_or(choices[0].0);
        choices
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, choice)| *choice)
            .ok_or_else(|| {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                self.wrong(name, &format!("it is one of {}", words.join(", ")))
            })
    }

    /// A whole number.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn number(&self, name: &'static str) -> Result<Option<i64>, ConninfoError> {
        self.get(name)
            .map(|text| {
                text.trim()
                    .parse()
                    .map_err(|_| self.wrong(name, "it is a whole number"))
            })
            .transpose()
    }

    /// The error for a value that is out of place.
    pub(super) fn wrong(&self, name: &'static str, expected: &str) -> ConninfoError {
        let value = self.get(name).unwrap_or_default();
        ConninfoError::Value {
            setting: name,
            origin: self.origin(name).to_owned(),
            value: redact(
                &value
                    .chars()
                    .filter(|character| !character.is_control())
                    .take(60)
                    .collect::<String>(),
            ),
            expected: expected.to_owned(),
        }
    }
}
