//! What a job's payload says: which job it is, and a checksum by which an altered one is known.
//!
//! It is a JSON object with `seq`, the job's number in its fixture from 1; `data`, filler; and `checksum`, 16 hexadecimal digits.

/// The checksum in a payload: FNV-1a of 64 bits over the job's number (little-endian) and the filler.
///
/// Source: Fowler, Noll, Vo, "The FNV non-cryptographic hash algorithm".
#[must_use]
pub fn payload_checksum(seq: u64, data: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let start = seq.to_le_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step);
    data.iter().fold(start, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_fnv_1a() {
        // The eight bytes of a row number of zero, then the text: checked against the published parameters by hand.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in [0, 0, 0, 0, 0, 0, 0, 0, b'a'] {
            hash = (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211);
        }
        assert_eq!(payload_checksum(0, b"a"), hash);
        assert_ne!(payload_checksum(1, b"a"), payload_checksum(2, b"a"));
        assert_ne!(payload_checksum(1, b"a"), payload_checksum(1, b"b"));
    }
}
