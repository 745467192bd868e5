//! Rows that an earlier statement returned, as one row of arrays: what `fetched` is in an expression.

use bytes::{BufMut, BytesMut};
use tokio_postgres::Client;

use super::StatementError;
use super::array;
use super::execute::Returned;
use super::value::RawValue;

/// One-row relation: for each column the array of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The name expressions use: `fetched`, or the name of a statement.
    pub name: String,
    /// Its columns.
    pub columns: Vec<ArrayColumn>,
    /// Columns that no array can hold.
    pub left_out: Vec<String>,
}

/// A column of a [`Relation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayColumn {
    /// Its name.
    pub name: String,
    /// The array's type, as the server writes it.
    pub type_name: String,
    /// The array's type.
    pub oid: u32,
    /// The array.
    pub value: RawValue,
}

impl Relation {
    /// Gathers rows into arrays, which are empty where there is no row. Columns that cannot be in an array (arrays, anonymous records) are left out.
    ///
    /// # Errors
    /// If the server cannot be asked for the array types.
    pub async fn gather(
        client: &Client,
        name: &str,
        returned: &Returned,
    ) -> Result<Relation, StatementError> {
        let mut relation = Relation {
            name: name.to_owned(),
            columns: Vec::new(),
            left_out: Vec::new(),
        };
        for (index, column) in returned.columns().iter().enumerate() {
            let element = column.type_().oid();
            let Some((oid, type_name)) = array_type(client, element).await? else {
                relation
                    .left_out
                    .push(format!("{} ({})", column.name(), column.type_().name()));
                continue;
            };
            let values: Vec<RawValue> = returned.rows.iter().map(|row| row.get(index)).collect();
            let value = RawValue(Some(array(element, &values)));
            relation.columns.push(ArrayColumn {
                name: column.name().to_owned(),
                type_name,
                oid,
                value,
            });
        }
        Ok(relation)
    }

    /// What to add to an error about a column that is not there: those that were left out.
    #[must_use]
    pub fn missing(&self) -> String {
        match self.left_out.as_slice() {
            [] => String::new(),
            names => format!(
                "; {} leaves out what no array can hold: {}",
                self.name,
                names.join(", ")
            ),
        }
    }

    /// The relation as a common table expression whose parameters are numbered from `first`: `fetched as (select $1::bigint[] as "id")`.
    #[must_use]
    pub fn as_common_table_expression(&self, first: usize) -> String {
        let column = |(index, column): (usize, &ArrayColumn)| {
            format!(
                "${}::{} as \"{}\"",
                first + index,
                column.type_name,
                column.name.replace('"', "\"\"")
            )
        };
        let columns: Vec<String> = self.columns.iter().enumerate().map(column).collect();
        format!("{} as (select {})", self.name, columns.join(", "))
    }
}

/// The array type over an element type; none where there is none (arrays themselves, anonymous records).
pub(super) async fn array_type(
    client: &Client,
    element: u32,
) -> Result<Option<(u32, String)>, StatementError> {
    let row = client
        .query_opt("select typarray, format_type(typarray, null) from pg_type where oid = $1 and typarray <> 0 and typtype <> 'p'", &[&element])
        .await
        .map_err(StatementError::server("look up a type"))?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

fn array(element: u32, values: &[RawValue]) -> Vec<u8> {
    let mut out = BytesMut::new();
    array::write(element, values.len(), &mut out, |index, out| {
        values[index].0.as_ref().map(|bytes| out.put_slice(bytes))
    });
    out.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation() -> Relation {
        let column = |name: &str, type_name: &str| ArrayColumn {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            oid: 0,
            value: RawValue(None),
        };
        Relation {
            name: "fetched".to_owned(),
            columns: vec![column("id", "bigint[]"), column("od\"d", "text[]")],
            left_out: Vec::new(),
        }
    }

    #[test]
    fn a_relation_is_written_with_numbered_parameters() {
        let written = relation().as_common_table_expression(3);
        assert_eq!(
            written,
            r#"fetched as (select $3::bigint[] as "id", $4::text[] as "od""d")"#
        );
    }
}
