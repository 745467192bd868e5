//! Server versions.

use std::fmt;

/// The oldest major version this program works with.
pub const OLDEST_SUPPORTED: u32 = 14;

/// A PostgreSQL version: major and minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 15 in 15.18.
    pub major: u32,
    /// 18 in 15.18; 0 for development versions and betas.
    pub minor: u32,
}

impl Version {
    /// Reads a version out of what `postgres --version`, `pg_config --version` or `show server_version` print, for example
    /// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` or `19beta1`. `None` where there is none.
    #[must_use]
    pub fn find(text: &str) -> Option<Version> {
        text.split_whitespace().find_map(Version::of_word)
    }

    fn of_word(word: &str) -> Option<Version> {
        let number = |text: &str| {
            let digits = text
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len());
            text[..digits].parse::<u32>().ok()
        };
        let major = number(word)?;
        let minor = word
            .split_once('.')
            .and_then(|(_, rest)| number(rest))
            .unwrap_or(0);
        Some(Version { major, minor })
    }

    /// Whether this program works with it.
    #[must_use]
    pub fn is_supported(self) -> bool {
        self.major >= OLDEST_SUPPORTED
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_found_in_what_the_tools_print() {
        let find = |text| Version::find(text).map(|v| (v.major, v.minor));
        assert_eq!(
            find("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"),
            Some((15, 18))
        );
        assert_eq!(find("PostgreSQL 18beta2"), Some((18, 0)));
        assert_eq!(find("9.6.24"), Some((9, 6)));
        assert_eq!(find("16.4"), Some((16, 4)));
        assert_eq!(find("no such command"), None);
    }
}
