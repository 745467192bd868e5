//! One-dimensional arrays in PostgreSQL's binary form, written in place.

use bytes::{BufMut, BytesMut};

/// Writes an array of `count` values of a type: dimensions, whether any is null, the element type, length and lower bound, then each
/// value with its length. `value` writes the value at an index, or gives none for null. Source: `array_send` in PostgreSQL.
pub(super) fn write(
    element: u32,
    count: usize,
    out: &mut BytesMut,
    mut value: impl FnMut(usize, &mut BytesMut) -> Option<()>,
) {
    out.put_i32(i32::from(count > 0));
    let any_null = out.len();
    out.put_i32(0);
    out.put_u32(element);
    if count > 0 {
        out.put_i32(length(count));
        out.put_i32(1);
    }
    for index in 0..count {
        let start = out.len();
        out.put_i32(-1);
        let stored = match value(index, out) {
            Some(()) => length(out.len() - start - 4),
            None => {
                put_at(out, any_null, 1);
                -1
            }
        };
        put_at(out, start, stored);
    }
}

fn put_at(out: &mut BytesMut, offset: usize, number: i32) {
    out[offset..offset + 4].copy_from_slice(&number.to_be_bytes());
}

/// PostgreSQL's lengths are 32 bits wide; what does not fit, the server refuses.
fn length(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_written_as_the_server_sends_them() {
        let mut out = BytesMut::from(&b"before"[..]);
        write(23, 2, &mut out, |index, out| {
            (index == 0).then(|| out.put_i32(7))
        });
        let expected = [
            0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7,
            255, 255, 255, 255,
        ];
        assert_eq!(out[b"before".len()..], expected);
    }

    #[test]
    fn an_empty_array_has_no_dimension() {
        let mut out = BytesMut::new();
        write(23, 0, &mut out, |_, _| None);
        assert_eq!(out[..], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 23]);
    }
}
