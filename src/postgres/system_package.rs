//! The operating system's own packages of PostgreSQL, and the commands that install them.

/// The package that brings a server of a major version, or of the system's usual one, and the command that installs it.
#[must_use]
pub fn server(major: Option<u32>) -> String {
    System::current().server(major)
}

/// The package that brings the contrib modules of a major version, and the command that installs it.
#[must_use]
pub fn contrib(major: u32) -> String {
    System::current().contrib(major)
}

/// Systems with one way of naming packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    Mac,
    Debian,
    RedHat,
    Alpine,
    Arch,
    Suse,
    Other,
}

impl System {
    fn current() -> System {
        if cfg!(target_os = "macos") {
            return System::Mac;
        }
        System::of(&std::fs::read_to_string("/etc/os-release").unwrap_or_default())
    }

    /// By what `/etc/os-release` says.
    fn of(os_release: &str) -> System {
        let ids: Vec<&str> = os_release
            .lines()
            .filter_map(|line| {
                line.strip_prefix("ID=")
                    .or_else(|| line.strip_prefix("ID_LIKE="))
            })
            .flat_map(|value| value.trim_matches('"').split_whitespace())
            .collect();
        let is = |names: &[&str]| ids.iter().any(|id| names.contains(id));
        if is(&["debian", "ubuntu"]) {
            System::Debian
        } else if is(&["fedora", "rhel", "centos"]) {
            System::RedHat
        } else if is(&["alpine"]) {
            System::Alpine
        } else if is(&["arch"]) {
            System::Arch
        } else if is(&["suse", "opensuse"]) {
            System::Suse
        } else {
            System::Other
        }
    }

    fn install(self, package: &str) -> String {
        let command = match self {
            System::Mac => "brew install",
            System::Debian => "apt-get install",
            System::RedHat => "dnf install",
            System::Alpine => "apk add",
            System::Arch => "pacman -S",
            System::Suse => "zypper install",
            System::Other => return package.to_owned(),
        };
        format!("{package} ({command} {package})")
    }

    fn server(self, major: Option<u32>) -> String {
        let dashed = major.map_or(String::new(), |major| format!("-{major}"));
        let plain = major.map_or(String::new(), |major| major.to_string());
        self.install(&match self {
            System::Mac => format!("postgresql@{}", major.unwrap_or(18)),
            System::Debian => format!("postgresql{dashed}"),
            System::RedHat | System::Suse => format!("postgresql{plain}-server"),
            System::Alpine => format!("postgresql{plain}"),
            System::Arch => "postgresql".to_owned(),
            System::Other => "your system's PostgreSQL server package".to_owned(),
        })
    }

    fn contrib(self, major: u32) -> String {
        match self {
            // Those packages hold the contrib modules themselves.
            System::Mac | System::Debian | System::Arch => self.server(Some(major)),
            System::RedHat | System::Suse | System::Alpine => {
                self.install(&format!("postgresql{major}-contrib"))
            }
            System::Other => "your system's package of PostgreSQL's contrib modules".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::System;

    #[test]
    fn the_package_named_fits_the_system() {
        let server = |os_release, major| System::of(os_release).server(major);
        assert_eq!(
            server("ID=debian\n", Some(15)),
            "postgresql-15 (apt-get install postgresql-15)"
        );
        assert_eq!(
            server("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", None),
            "postgresql (apt-get install postgresql)"
        );
        let red_hat = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"";
        assert_eq!(
            server(red_hat, Some(16)),
            "postgresql16-server (dnf install postgresql16-server)"
        );
        assert_eq!(server("", None), "your system's PostgreSQL server package");
        assert_eq!(
            System::of(red_hat).contrib(16),
            "postgresql16-contrib (dnf install postgresql16-contrib)"
        );
        assert_eq!(
            System::of("ID=debian").contrib(16),
            "postgresql-16 (apt-get install postgresql-16)"
        );
    }
}
