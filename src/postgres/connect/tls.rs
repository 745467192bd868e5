//! TLS as `sslmode` has it, over rustls.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::postgres::conninfo::{
    ClientCertificate, ConninfoError, Encryption, RootCertificate, SslMode, TlsVersion,
};

/// The name of PostgreSQL's protocol, which a server that TLS begins with at once wants to hear.
const PROTOCOL: &[u8] = b"postgresql";

/// For connections without TLS.
pub(super) fn unused() -> MakeRustlsConnect {
    connector(&Encryption::none()).expect("without files there is nothing to fail")
}

/// What makes TLS connections as strict as they were asked for.
///
/// # Errors
/// If a certificate or key cannot be read or used.
pub(super) fn connector(encryption: &Encryption) -> Result<MakeRustlsConnect, ConninfoError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier {
        trusted: trusted(&encryption.root)?,
        check_name: encryption.mode == SslMode::VerifyFull,
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(encryption))
        .map_err(|error| ConninfoError::Certificate(format!("cannot set TLS up: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &encryption.client {
        Some(client) => {
            let (chain, key) = client_certificate(client)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                ConninfoError::Certificate(format!(
                    "cannot use certificate {} with key {}: {error}",
                    client.certificate.display(),
                    client.key.display()
                ))
            })?
        }
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = encryption.server_name_indication;
    if encryption.direct {
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
    }
    Ok(MakeRustlsConnect::new(config))
}

/// Lists of one, which the library has none of.
static ONLY_1_2: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
static ONLY_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

fn versions(encryption: &Encryption) -> &'static [&'static SupportedProtocolVersion] {
    match (encryption.oldest, encryption.newest) {
        (TlsVersion::V1_3, _) => ONLY_1_3,
        (_, TlsVersion::V1_2) => ONLY_1_2,
        _ => rustls::DEFAULT_VERSIONS,
    }
}

/// Authorities, and the same certificates as they are written.
#[derive(Debug)]
struct Trusted {
    authorities: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
}

fn trusted(root: &RootCertificate) -> Result<Option<Trusted>, ConninfoError> {
    let certificates = match root {
        RootCertificate::Unchecked => return Ok(None),
        RootCertificate::System => rustls_native_certs::load_native_certs().certs,
        RootCertificate::File(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| {
                ConninfoError::Certificate(format!(
                    "cannot read root certificate file {}: {error}",
                    path.display()
                ))
            })?,
    };
    let mut authorities = RootCertStore::empty();
    let (usable, _) = authorities.add_parsable_certificates(certificates.iter().cloned());
    if usable == 0 {
        return Err(ConninfoError::Certificate(match root {
            RootCertificate::File(path) => format!(
                "root certificate file {} holds no certificate in PEM form",
                path.display()
            ),
            _ => "this system trusts no certificate authority (sslrootcert=system): install its package ca-certificates, or name a file".to_owned(),
        }));
    }
    Ok(Some(Trusted {
        authorities,
        certificates,
    }))
}

fn client_certificate(
    client: &ClientCertificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), ConninfoError> {
    let chain: Vec<CertificateDer> = CertificateDer::pem_file_iter(&client.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| {
            let path = client.certificate.display();
            ConninfoError::Certificate(format!("cannot read certificate {path}: {error}"))
        })?;
    let key = PrivateKeyDer::from_pem_file(&client.key).map_err(|error| {
        let path = client.key.display();
        let text = std::fs::read_to_string(&client.key).unwrap_or_default();
        ConninfoError::Certificate(if text.contains("ENCRYPTED") {
            format!("key {path} is encrypted, and nobody is asked for its passphrase here: write it decrypted with `openssl pkey`, and close it to others")
        } else {
            format!("cannot read key {path}: {error}")
        })
    })?;
    Ok((chain, key))
}

/// Checks a server's certificate: not at all, against authorities, or for its name as well.
#[derive(Debug)]
struct Verifier {
    trusted: Option<Trusted>,
    check_name: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// A certificate that is trusted itself needs no authority: what `openssl req -x509` makes calls itself an authority, which
    /// libpq takes and webpki does not. By then webpki has looked at its dates.
    fn check_signatures(
        &self,
        trusted: &Trusted,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        let checked = verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &trusted.authorities,
            intermediates,
            now,
            algorithms,
        );
        match checked {
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
                if matches!(
                    other.0.downcast_ref(),
                    Some(webpki::Error::CaUsedAsEndEntity)
                ) && trusted.certificates.contains(certificate) =>
            {
                Ok(())
            }
            checked => checked,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(trusted) = &self.trusted {
            self.check_signatures(trusted, certificate, intermediates, now)?;
        }
        if self.check_name {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
