//! Signs mail, so that its recipients can tell it from forged mail (DKIM, RFC 6376 and 8463).
//!
//! A signature covers the octets as they leave, with all marks filled in, and is not stored: each
//! attempt has a fresh one. The key's other half must be in DNS; [`Signer::record`] says as what.
//! Start with [`Signers::sign`].

use std::sync::{Arc, PoisonError, RwLock};

use data_encoding::BASE64;
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256, SigningKey};
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::{DkimSigner, Done};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tracing::error;

use crate::config::DkimKey;

/// Each stands in the signature twice, so that nobody can add a second one to a signed mail (RFC 6376
/// section 8.15). Those that a mail does not have cannot be added either. The fields of lists are not
/// among them: a list that passes our mail on writes its own (RFC 6376 section 5.4.1).
const SIGNED: [&str; 13] = [
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Auto-Submitted",
];

/// The fields by which a mail program leaves one of our own lists, where a mail has them: it believes them
/// only when they are signed (RFC 8058 section 4).
const FOR_MEMBERS: [&str; 3] = ["List-Id", "List-Unsubscribe", ONE_CLICK];
const ONE_CLICK: &str = "List-Unsubscribe-Post";

/// A key that signs for a domain.
pub struct Signer {
    key: Key,
    /// The same key, for mail to members of our own lists.
    for_members: Key,
    /// Below `_domainkey` of the domain.
    name: String,
    /// What stands in DNS there.
    record: String,
}

enum Key {
    Rsa(DkimSigner<RsaKey<Sha256>, Done>),
    Ed25519(DkimSigner<Ed25519Key, Done>),
}

impl Signer {
    /// Reads the key from its file.
    ///
    /// # Errors
    ///
    /// The operator's: what is wrong with the file.
    pub fn open(key: &DkimKey, domain: &str) -> Result<Self, String> {
        let path = key.key_file.display();
        let read = PrivateKeyDer::from_pem_file(&key.key_file);
        let der = read.map_err(|error| format!("{path} holds no private key as PEM: {error}"))?;
        let (everywhere, record) = read_key(&der, key, domain, &SIGNED)?;
        let (for_members, _) = read_key(&der, key, domain, &[&SIGNED[..], &FOR_MEMBERS].concat())?;
        let name = format!("{}._domainkey.{domain}", key.selector);
        Ok(Self { key: everywhere, for_members, name, record })
    }

    /// Where in DNS the public half of the key belongs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What belongs there, as a TXT record; in pieces of 255 octets where a name server wants them.
    pub fn record(&self) -> &str {
        &self.record
    }

    /// Whether a published record has this key (RFC 6376 section 3.6.1).
    pub fn is_in(&self, record: &str) -> bool {
        let key = |record: &str| {
            let tags = record.split(';').filter_map(|tag| tag.split_once('='));
            let found = tags.into_iter().find(|(name, _)| name.trim() == "p");
            found.map(|(_, value)| value.split_whitespace().collect::<String>())
        };
        key(record).is_some_and(|published| key(&self.record) == Some(published))
    }

    fn signature(&self, octets: &[u8]) -> mail_auth::Result<Vec<u8>> {
        let key = if is_for_members(octets) { &self.for_members } else { &self.key };
        let signature = match key {
            Key::Rsa(signer) => signer.sign(octets)?,
            Key::Ed25519(signer) => signer.sign(octets)?,
        };
        let mut field = Vec::new();
        signature.write_header(&mut field);
        Ok(field)
    }
}

/// Reads a key that signs these fields; also what stands in DNS of it.
fn read_key(
    der: &PrivateKeyDer<'_>,
    key: &DkimKey,
    domain: &str,
    fields: &[&'static str],
) -> Result<(Key, String), String> {
    let ed25519 = match der {
        PrivateKeyDer::Pkcs8(der) => {
            Ed25519Key::from_pkcs8_maybe_unchecked_der(der.secret_pkcs8_der()).ok()
        }
        _ => None,
    };
    let (signing, kind, public) = match ed25519 {
        Some(ed25519) => {
            let public = ed25519.public_key();
            (Key::Ed25519(signer(ed25519, key, domain, fields)), "ed25519", public)
        }
        None => {
            let rsa = RsaKey::<Sha256>::from_key_der(der.clone_key()).map_err(|_| {
                let path = key.key_file.display();
                format!("{path} is neither an Ed25519 key nor an RSA key of 2048 bits or more")
            })?;
            let public = as_in_dns(&rsa.public_key());
            (Key::Rsa(signer(rsa, key, domain, fields)), "rsa", public)
        }
    };
    Ok((signing, format!("v=DKIM1; k={kind}; p={}", BASE64.encode(&public))))
}

fn signer<T: SigningKey>(
    signing: T,
    key: &DkimKey,
    domain: &str,
    fields: &[&'static str],
) -> DkimSigner<T, Done> {
    let twice = fields.iter().chain(fields).copied();
    DkimSigner::from_key(signing).domain(domain).selector(&key.selector).headers(twice)
}

/// Whether a mail has the fields of our own lists.
fn is_for_members(octets: &[u8]) -> bool {
    let lines = octets.split(|octet| *octet == b'\n').take_while(|line| *line != b"\r");
    let name = ONE_CLICK.as_bytes();
    lines.into_iter().any(|line| {
        line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && line.get(name.len()) == Some(&b':')
    })
}

/// The keys in use. Clones share them, so that others can take their place while mail is sent.
#[derive(Clone, Default)]
pub struct Signers(Arc<RwLock<Arc<Vec<Signer>>>>);

impl Signers {
    /// They sign every mail.
    pub fn new(signers: Vec<Signer>) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(signers))))
    }

    /// These sign from now on, and none of those before.
    pub fn replace(&self, signers: Vec<Signer>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(signers);
    }

    /// The mail as it is to leave, signed by each key where it can be. An RSA signature takes a
    /// millisecond and a large mail tens of them, so that nobody else waits for it.
    pub async fn sign(&self, octets: Arc<Vec<u8>>) -> Arc<Vec<u8>> {
        let signers = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        if signers.is_empty() {
            return octets;
        }
        let unsigned = Arc::clone(&octets);
        match tokio::task::spawn_blocking(move || sign(&signers, &unsigned)).await {
            Ok(Some(signed)) => Arc::new(signed),
            Ok(None) => octets,
            Err(error) => {
                error!("a mail goes out unsigned: {error}");
                octets
            }
        }
    }
}

/// The mail with a signature of each key before it; `None` where there is none. A mail that cannot be
/// signed goes out as it is: it may be about an emergency.
fn sign(signers: &[Signer], octets: &[u8]) -> Option<Vec<u8>> {
    let mut signed = Vec::new();
    for signer in signers {
        match signer.signature(octets) {
            Ok(field) => signed.extend_from_slice(&field),
            Err(error) => error!("a mail goes out unsigned by {}: {error}", signer.name),
        }
    }
    if signed.is_empty() {
        return None;
    }
    signed.extend_from_slice(octets);
    Some(signed)
}

/// An RSA key as DNS has it (RFC 5280 section 4.1.2.7, RFC 3279 section 2.3.1).
fn as_in_dns(rsa_public_key: &[u8]) -> Vec<u8> {
    const SEQUENCE: u8 = 0x30;
    const BIT_STRING: u8 = 0x03;
    /// rsaEncryption, with its NULL.
    const ALGORITHM: [u8; 15] = [SEQUENCE, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    // Of the last octet no bit is unused.
    let bits = [&[0], rsa_public_key].concat();
    der(SEQUENCE, &[&ALGORITHM[..], &der(BIT_STRING, &bits)].concat())
}

/// A value in DER (X.690 section 8.1).
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|octet| *octet == 0).collect();
    let mut out = vec![tag];
    match length.as_slice() {
        [short] if *short < 0x80 => out.push(*short),
        long => {
            // Eight octets at most.
            out.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(value);
    out
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn key(folder: &std::path::Path, arguments: &[&str]) -> DkimKey {
        let key_file = folder.join("key.pem");
        let made = Command::new("openssl").args(arguments).arg("-out").arg(&key_file).output();
        let made = made.expect("openssl is there: install the Debian package openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        DkimKey { selector: "s1".to_owned(), key_file }
    }

    #[test]
    fn the_record_of_a_key_is_what_openssl_says_its_public_half_is() {
        let folder = tempfile::tempdir().unwrap();
        let rsa = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
        let key = key(folder.path(), &rsa);
        let signer = Signer::open(&key, "example.org").unwrap();
        let public = Command::new("openssl")
            .args(["pkey", "-pubout", "-outform", "DER", "-in"])
            .arg(&key.key_file)
            .output()
            .unwrap();
        let record = format!("v=DKIM1; k=rsa; p={}", BASE64.encode(&public.stdout));
        assert_eq!((signer.name(), signer.record()), ("s1._domainkey.example.org", record.as_str()));
        let spaced = record.replace("p=MII", "t=s; p = MII ");
        assert!(signer.is_in(&record) && signer.is_in(&spaced));
        assert!(
            !signer.is_in("v=DKIM1; p=")
                && !signer.is_in("")
                && !signer.is_in(&record.replace("MII", "MIJ"))
        );
    }

    #[test]
    fn a_file_that_holds_no_key_of_ours_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let short =
            key(folder.path(), &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        let said = Signer::open(&short, "example.org").err().unwrap();
        assert!(said.contains("key.pem is neither an Ed25519 key nor an RSA key"), "{said}");
        std::fs::write(&short.key_file, "nothing").unwrap();
        assert!(Signer::open(&short, "example.org").err().unwrap().contains("holds no private key"));
    }

    #[test]
    fn without_a_key_a_mail_is_as_it_was() {
        assert_eq!(sign(&[], b"Subject: x\r\n\r\n"), None);
    }

    #[tokio::test]
    async fn keys_that_take_the_place_of_others_sign_what_leaves_next() {
        let folder = tempfile::tempdir().unwrap();
        let key = key(folder.path(), &["genpkey", "-algorithm", "ED25519"]);
        let mail = Arc::new(b"From: a@example.org\r\n\r\nx\r\n".to_vec());
        let (signers, selector) = (Signers::default(), |name: &str| format!("s={name};"));
        let worker = signers.clone();
        assert_eq!(worker.sign(mail.clone()).await, mail);
        for name in ["s1", "s2"] {
            let key = DkimKey { selector: name.to_owned(), ..key.clone() };
            signers.replace(vec![Signer::open(&key, "example.org").unwrap()]);
            let signed = String::from_utf8(worker.sign(mail.clone()).await.to_vec()).unwrap();
            assert_eq!(signed.matches("DKIM-Signature:").count(), 1, "{signed}");
            assert!(signed.contains(&selector(name)), "{signed}");
        }
    }
}
