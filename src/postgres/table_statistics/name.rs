//! The name of a table as psql takes it: folded to lower case unless it is quoted.

use super::TableError;

/// A table's name, with its schema where that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// The schema; without it the search path decides.
    pub schema: Option<String>,
    /// The name in it.
    pub table: String,
}

impl TableName {
    /// Reads `name`, `schema.name`, `"Name"`, `schema."a name"`.
    ///
    /// # Errors
    /// What cannot be such a name.
    pub fn parse(text: &str) -> Result<TableName, TableError> {
        let wrong = |reason| TableError::Name {
            text: text.to_owned(),
            reason,
        };
        let mut parts = parts(text).map_err(wrong)?;
        if parts.iter().any(String::is_empty) {
            return Err(wrong("a part of it is empty"));
        }
        if text.contains('\0') {
            return Err(wrong("it holds a zero byte"));
        }
        let table = parts.pop().unwrap_or_default();
        let schema = parts.pop();
        match parts.is_empty() {
            true => Ok(TableName { schema, table }),
            false => Err(wrong("it has more than two parts")),
        }
    }

    /// The name as it was understood, for messages.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.table),
            None => self.table.clone(),
        }
    }
}

/// What stands between the dots outside double quotes, as the catalogs have it.
fn parts(text: &str) -> Result<Vec<String>, &'static str> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars().peekable();
    let mut is_quoted = false;
    while let Some(character) = characters.next() {
        let part = parts.last_mut().expect("there is always one");
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                part.push('"');
            }
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => parts.push(String::new()),
            _ if is_quoted => part.push(character),
            // PostgreSQL folds ASCII alone where the encoding is UTF-8.
            _ => part.push(character.to_ascii_lowercase()),
        }
    }
    match is_quoted {
        true => Err("a double quote is missing"),
        false => Ok(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_psql_reads_them() {
        let read = |text: &str| {
            let name = TableName::parse(text).unwrap();
            (name.schema, name.table)
        };
        let some = |schema: &str, table: &str| (Some(schema.to_owned()), table.to_owned());
        assert_eq!(read("Job"), (None, "job".to_owned()));
        assert_eq!(read("Jobs.JOB"), some("jobs", "job"));
        assert_eq!(read(r#""My.Jobs"."a ""b""""#), some("My.Jobs", "a \"b\""));
        assert_eq!(read(r#"my"X"y"#), (None, "myXy".to_owned()));
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "a part of it is empty"),
            ("jobs.", "a part of it is empty"),
            ("\"\"", "a part of it is empty"),
            ("a.b.c", "more than two parts"),
            ("\"job", "a double quote is missing"),
            ("a\0b", "a zero byte"),
        ] {
            let said = TableName::parse(text).unwrap_err().to_string();
            assert!(said.contains(reason), "{said}");
        }
    }
}
