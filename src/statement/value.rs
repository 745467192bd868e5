//! Values in PostgreSQL's binary form, passed through without being looked at: so any type works.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

/// A value of any type as the server sent it; none is null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawValue(pub Option<Vec<u8>>);

impl ToSql for RawValue {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(bytes) = &self.0 else {
            return Ok(IsNull::Yes);
        };
        out.put_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for RawValue {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(RawValue(Some(raw.to_vec())))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(RawValue(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A value of any type where it was received; none is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawSlice<'a>(pub Option<&'a [u8]>);

impl<'a> FromSql<'a> for RawSlice<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(RawSlice(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(RawSlice(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Text of any type whose binary form is text (text, json, enums, names).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawText(pub String);

impl<'a> FromSql<'a> for RawText {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(RawText(std::str::from_utf8(raw)?.to_owned()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A type known by its number alone: enough to say what a raw value is.
#[must_use]
pub fn type_of(oid: u32) -> Type {
    Type::from_oid(oid)
        .unwrap_or_else(|| Type::new(format!("type {oid}"), oid, Kind::Simple, String::new()))
}

/// The parameters of one execution, as the driver wants them.
#[must_use]
pub fn as_parameters(values: &[RawValue]) -> Vec<&(dyn ToSql + Sync)> {
    values
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect()
}
