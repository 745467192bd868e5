//! What a connection string says about TLS, and the files it means.
//!
//! Source: PostgreSQL's documentation of libpq, "SSL Support". Two things are stricter than there: a root certificate or a client
//! certificate that is named but absent is an error in every mode.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::values::Values;
use super::{ConninfoError, Surroundings};

/// `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Only if the server wants it.
    Allow,
    /// If the server can.
    Prefer,
    /// Always; a root certificate, if there is one, is checked against.
    Require,
    /// Always, and the certificate has to be signed by a trusted authority.
    VerifyCa,
    /// The same, and it has to be the host's own.
    VerifyFull,
}

impl SslMode {
    /// Its name in a connection string.
    #[must_use]
    pub fn name(self) -> &'static str {
        MODES
            .iter()
            .find(|(_, mode)| *mode == self)
            .map_or("", |(name, _)| name)
    }
}

/// The first is the default.
const MODES: [(&str, SslMode); 6] = [
    ("prefer", SslMode::Prefer),
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

/// Which authorities are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootCertificate {
    /// The server's certificate is not checked.
    Unchecked,
    /// Those the system trusts.
    System,
    /// Those in this file.
    File(PathBuf),
}

/// What the client shows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The file with its certificate.
    pub certificate: PathBuf,
    /// The file with its key.
    pub key: PathBuf,
}

/// A version of TLS that this program speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2, the oldest.
    V1_2,
    /// 1.3, the newest.
    V1_3,
}

/// Everything about TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// Whether, and how much is checked.
    pub mode: SslMode,
    /// Against what the server's certificate is checked.
    pub root: RootCertificate,
    /// What the client shows of itself.
    pub client: Option<ClientCertificate>,
    /// Whether TLS begins at once, without PostgreSQL's own request for it (since 17).
    pub direct: bool,
    /// Whether the server is told the name it was called by.
    pub server_name_indication: bool,
    /// The oldest version that will do.
    pub oldest: TlsVersion,
    /// The newest version that will do.
    pub newest: TlsVersion,
}

impl Encryption {
    /// None at all.
    #[must_use]
    pub fn none() -> Encryption {
        Encryption {
            mode: SslMode::Disable,
            root: RootCertificate::Unchecked,
            client: None,
            direct: false,
            server_name_indication: true,
            oldest: TlsVersion::V1_2,
            newest: TlsVersion::V1_3,
        }
    }
}

/// Reads what concerns TLS; files only for a connection over a network, where alone there is any.
///
/// # Errors
/// If words contradict each other, or files are missing or open to others.
pub(super) fn encryption(
    values: &Values,
    surroundings: &Surroundings,
    over_network: bool,
) -> Result<Encryption, ConninfoError> {
    let system = values.get("sslrootcert") == Some("system");
    let mut mode = values.choice("sslmode", &MODES)?;
    if system && values.get("sslmode").is_none() {
        mode = SslMode::VerifyFull;
    }
    if system && mode != SslMode::VerifyFull {
        return Err(values.wrong(
            "sslmode",
            "sslrootcert=system trusts many authorities, so that only verify-full is safe with it",
        ));
    }
    let direct = values.choice("sslnegotiation", &[("postgres", false), ("direct", true)])?;
    if direct && mode < SslMode::Require {
        return Err(values.wrong(
            "sslnegotiation",
            &format!(
                "sslmode is {}, and direct begins with TLS: set sslmode=require or stricter",
                mode.name()
            ),
        ));
    }
    let (oldest, newest) = versions(values)?;
    let with_certificate = values.choice(
        "sslcertmode",
        &[
            ("allow", Some(true)),
            ("disable", Some(false)),
            ("require", None),
        ],
    )?;
    let with_certificate = with_certificate.ok_or_else(|| ConninfoError::Refused {
        setting: "sslcertmode",
        origin: values.origin("sslcertmode").to_owned(),
        reason: "whether the server asked for the certificate is not checked here; leave it out, sslcert and sslkey are sent all the same",
    })?;
    let files = over_network && mode != SslMode::Disable;
    Ok(Encryption {
        mode,
        root: if files {
            root(values, surroundings, mode)?
        } else {
            RootCertificate::Unchecked
        },
        client: if files && with_certificate {
            client(values, surroundings)?
        } else {
            None
        },
        direct,
        server_name_indication: values.choice("sslsni", &[("1", true), ("0", false)])?,
        oldest,
        newest,
    })
}

/// TLS 1.0 and 1.1 are not spoken: as the oldest allowed they allow what is spoken, as the newest they leave nothing.
fn versions(values: &Values) -> Result<(TlsVersion, TlsVersion), ConninfoError> {
    use TlsVersion::{V1_2, V1_3};
    let known = |name, default| {
        let words = [
            ("TLSv1", None),
            ("TLSv1.1", None),
            ("TLSv1.2", Some(V1_2)),
            ("TLSv1.3", Some(V1_3)),
        ];
        match values.get(name) {
            None => Ok(Some(default)),
            Some(text) => words
                .iter()
                .find(|(word, _)| word.eq_ignore_ascii_case(text))
                .map(|(_, version)| *version)
                .ok_or_else(|| values.wrong(name, "it is one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3")),
        }
    };
    let oldest = known("ssl_min_protocol_version", V1_2)?.unwrap_or(V1_2);
    let newest = known("ssl_max_protocol_version", V1_3)?;
    newest
        .filter(|newest| *newest >= oldest)
        .map(|newest| (oldest, newest))
        .ok_or_else(|| values.wrong("ssl_max_protocol_version", "it leaves none of the versions that are allowed and spoken here (TLSv1.2, TLSv1.3)"))
}

fn root(
    values: &Values,
    surroundings: &Surroundings,
    mode: SslMode,
) -> Result<RootCertificate, ConninfoError> {
    match values.get("sslrootcert") {
        Some("system") => return Ok(RootCertificate::System),
        Some(path) if Path::new(path).is_file() => {
            return Ok(RootCertificate::File(PathBuf::from(path)));
        }
        Some(path) => {
            return Err(ConninfoError::Certificate(format!(
                "root certificate file {path} (sslrootcert, from {}) does not exist: name the file of the authority that signed the server's certificate, or system",
                values.origin("sslrootcert")
            )));
        }
        None => {}
    }
    let usual = surroundings.in_home(".postgresql/root.crt");
    match usual.filter(|path| path.is_file()) {
        Some(path) => Ok(RootCertificate::File(path)),
        None if mode < SslMode::VerifyCa => Ok(RootCertificate::Unchecked),
        None => Err(ConninfoError::Certificate(format!(
            "sslmode={} needs a root certificate, and there is none in ~/.postgresql/root.crt: name the authority's file with sslrootcert=FILE, or sslrootcert=system",
            mode.name()
        ))),
    }
}

fn client(
    values: &Values,
    surroundings: &Surroundings,
) -> Result<Option<ClientCertificate>, ConninfoError> {
    let certificate = match values.get("sslcert") {
        Some(path) if Path::new(path).is_file() => PathBuf::from(path),
        Some(path) => {
            return Err(ConninfoError::Certificate(format!(
                "certificate file {path} (sslcert, from {}) does not exist",
                values.origin("sslcert")
            )));
        }
        None => match surroundings
            .in_home(".postgresql/postgresql.crt")
            .filter(|path| path.is_file())
        {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let named = values.get("sslkey").map(PathBuf::from);
    let key = named
        .or_else(|| surroundings.in_home(".postgresql/postgresql.key"))
        .unwrap_or_default();
    let about = std::fs::metadata(&key)
        .ok()
        .filter(std::fs::Metadata::is_file)
        .ok_or_else(|| {
            ConninfoError::Certificate(format!(
                "certificate {} has no key: {} does not exist; name it with sslkey",
                certificate.display(),
                key.display()
            ))
        })?;
    // Root's own file may be readable by a group, as libpq has it.
    let forbidden = if about.uid() == 0 { 0o037 } else { 0o077 };
    if about.mode() & forbidden != 0 {
        return Err(ConninfoError::Certificate(format!(
            "key {} may be used by others than its owner: chmod 0600 {}",
            key.display(),
            key.display()
        )));
    }
    Ok(Some(ClientCertificate { certificate, key }))
}
