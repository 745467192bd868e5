//! Numbers that look random and are a pure function of what they are made from.

/// 2^64 divided by the golden ratio: the increment of splitmix64.
pub const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
#[must_use]
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One number out of several, each of which changes it, and so does their order.
#[must_use]
pub fn hash_of(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |hash, number| {
        mix(hash.wrapping_add(GOLDEN) ^ mix(number.wrapping_add(GOLDEN)))
    })
}

/// A number from 0 up to but not 1 out of a hash.
#[must_use]
pub fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_spread_evenly_and_depend_on_every_number() {
        let below_a_tenth = (0..10_000)
            .filter(|seq| unit(hash_of(&[1, *seq])) < 0.1)
            .count();
        assert!((900..1100).contains(&below_a_tenth), "{below_a_tenth}");
        assert_ne!(hash_of(&[1, 2]), hash_of(&[2, 1]));
        assert_ne!(hash_of(&[0]), hash_of(&[0, 0]));
    }
}
