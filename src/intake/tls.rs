//! The certificate that clients are shown after STARTTLS (RFC 3207).
//!
//! TLS 1.2 and 1.3, ring. A renewed certificate is used from the next handshake on. Start with
//! [`open`].

use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::watched::Watched;
use crate::config::Tls;

/// What a handshake needs.
pub type Certificates = Watched<TlsAcceptor>;

/// Reads the certificate with its chain, and its key.
///
/// # Errors
///
/// The operator's: which file is wrong, and how.
pub fn open(tls: &Tls) -> Result<Certificates, String> {
    Watched::open(vec![tls.certificate_file.clone(), tls.key_file.clone()], read)
}

fn read(paths: &[PathBuf]) -> Result<TlsAcceptor, String> {
    let [certificate_file, key_file] = paths else { return Err("two files are needed".to_owned()) };
    let wrong = |path: &PathBuf, why: String| format!("{}: {why}", path.display());
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificate_file).and_then(Iterator::collect);
    let chain = chain.map_err(|error| wrong(certificate_file, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(certificate_file, "there is no certificate in it".to_owned()));
    }
    let key =
        PrivateKeyDer::from_pem_file(key_file).map_err(|error| wrong(key_file, error.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| wrong(certificate_file, format!("cannot be used: {error}")))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
