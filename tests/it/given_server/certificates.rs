//! A certificate authority of the test's own, and what it has signed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

use crate::place::Place;

/// The role that the client's certificate is for.
pub(crate) const CLIENT: &str = "certified";

/// Whether the server's certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// It is.
    Now,
    /// It was, some time ago.
    Expired,
    /// It is, and it is its own authority, as `openssl req -x509` makes it.
    SelfSigned,
}

/// The files of an authority, of a server and of a client, in PEM; keys are their owner's alone.
#[derive(Debug)]
pub(crate) struct Certificates {
    directory: PathBuf,
}

impl Certificates {
    /// Makes an authority, a server's certificate for these names (or addresses), and one for a client.
    pub(crate) fn make(place: &Place, server_names: &[&str], validity: Validity) -> Certificates {
        let directory = tempfile::Builder::new()
            .prefix("certificates-")
            .tempdir_in(place.path())
            .expect("makes a directory")
            .keep();
        let made = Certificates { directory };
        let key = KeyPair::generate().expect("makes a key");
        let mut authority = named("an authority of the tests", &[]);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&key).expect("signs itself");
        made.write("ca.crt", &certificate.pem());
        let issuer = Issuer::new(authority, key);

        let mut server = named("a server of the tests", server_names);
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if validity == Validity::Expired {
            server.not_before = date_time_ymd(2020, 1, 1);
            server.not_after = date_time_ymd(2021, 1, 1);
        }
        if validity == Validity::SelfSigned {
            server.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().expect("makes a key");
            let certificate = server.self_signed(&key).expect("signs itself");
            made.write("server.crt", &certificate.pem());
            made.write("server.key", &key.serialize_pem());
        } else {
            made.sign("server", &server, &issuer);
        }

        let mut client = named(CLIENT, &[]);
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        made.sign("client", &client, &issuer);
        made
    }

    fn sign(&self, name: &str, params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) {
        let key = KeyPair::generate().expect("makes a key");
        let certificate = params.signed_by(&key, issuer).expect("signs");
        self.write(&format!("{name}.crt"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.directory.join(name);
        fs::write(&path, text).expect("writes a certificate");
        let mode = if name.ends_with(".key") { 0o600 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("closes a key");
    }

    /// The authority's certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// The server's certificate.
    pub(crate) fn server(&self) -> PathBuf {
        self.directory.join("server.crt")
    }

    /// The client's certificate, for the role [`CLIENT`].
    pub(crate) fn client(&self) -> PathBuf {
        self.directory.join("client.crt")
    }

    /// The client's key.
    pub(crate) fn client_key(&self) -> PathBuf {
        self.directory.join("client.key")
    }

    /// The server's key.
    pub(crate) fn server_key(&self) -> PathBuf {
        self.directory.join("server.key")
    }
}

fn named(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("takes the names");
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}
