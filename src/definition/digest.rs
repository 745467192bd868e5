//! Digests of definitions: equal for equal content, whatever the path.

use sha2::{Digest, Sha256};

/// SHA-256, in hexadecimal, over names and contents in the order given.
pub(super) fn of<'a>(parts: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut hash = Sha256::new();
    for (name, content) in parts {
        for text in [name, content] {
            // The length keeps `ab` + `c` apart from `a` + `bc`.
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn names_and_borders_count() {
        let digest = of([("a", "bc")]);
        assert_eq!(digest.len(), 64);
        assert_eq!(digest, of([("a", "bc")]));
        assert_ne!(digest, of([("ab", "c")]));
        assert_ne!(digest, of([("b", "bc")]));
    }
}
