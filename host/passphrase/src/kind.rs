//! The kind of key in a file, for the error about a key that cannot be used.

use std::fmt;
use std::path::Path;

use minipki_core::encoding::pem;
use minipki_os::files::quoted;
use pkcs8::der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use pkcs8::der::{self, Decode};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use zeroize::Zeroizing;

/// The algorithm of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// X25519 (RFC 8410), the algorithm of an identity.
    X25519,
    /// RSA (RFC 8017), the algorithm of a CA.
    Rsa,
    /// Another algorithm, or an unknown one, with its name.
    Other(&'static str),
}

/// The form of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// PEM of PKCS#8, or of a SubjectPublicKeyInfo.
    Pem,
    /// PEM of an algorithm alone: PKCS#1 or SEC 1.
    OldPem,
    /// Bytes without PEM.
    Der,
    /// Bytes of an algorithm alone: PKCS#1.
    OldDer,
}

/// The part of a key pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Private,
    Encrypted,
    Public,
    Certificate,
}

/// The kind of key that a program needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The private key of an identity.
    X25519,
    /// The private key of a CA.
    Rsa,
    /// The public key of a CA.
    RsaPublic,
}

/// The kind of key in a file. It contains nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyKind {
    algorithm: Algorithm,
    part: Part,
    form: Form,
}

impl KeyKind {
    /// The kind of key in `content`; `None` if it is not known.
    pub fn of(content: &[u8]) -> Option<Self> {
        let Some(label) = label(content) else { return Self::of_der(content) };
        let mut room = Zeroizing::new(vec![0; content.len()]);
        let der = pem::decode(label, content, &mut room).ok();
        let (algorithm, part, form) = match label {
            "PRIVATE KEY" | "PUBLIC KEY" => return Some(Self { form: Form::Pem, ..Self::of_der(der?)? }),
            "ENCRYPTED PRIVATE KEY" => (Algorithm::Other(""), Part::Encrypted, Form::Pem),
            "RSA PRIVATE KEY" => (Algorithm::Rsa, Part::Private, Form::OldPem),
            "RSA PUBLIC KEY" => (Algorithm::Rsa, Part::Public, Form::OldPem),
            "EC PRIVATE KEY" => (Algorithm::Other("elliptic-curve"), Part::Private, Form::OldPem),
            "OPENSSH PRIVATE KEY" => (Algorithm::Other("OpenSSH"), Part::Private, Form::Pem),
            "CERTIFICATE" => (Algorithm::Other("X.509"), Part::Certificate, Form::Pem),
            _ => return None,
        };
        Some(Self { algorithm, part, form })
    }

    fn of_der(der: &[u8]) -> Option<Self> {
        let key = |algorithm, part| Some(Self { algorithm, part, form: Form::Der });
        if let Ok(info) = PrivateKeyInfoRef::from_der(der) {
            return key(algorithm(&info.algorithm), Part::Private);
        }
        if let Ok(info) = SubjectPublicKeyInfoRef::from_der(der) {
            return key(algorithm(&info.algorithm), Part::Public);
        }
        if EncryptedPrivateKeyInfoRef::from_der(der).is_ok() {
            return key(Algorithm::Other(""), Part::Encrypted);
        }
        let part = pkcs1(der).ok()?;
        Some(Self { algorithm: Algorithm::Rsa, part, form: Form::OldDer })
    }

    /// Whether the content is in a form that a program reads as a private key of this kind.
    pub fn is(self, wanted: Wanted) -> bool {
        let (algorithm, old) = match wanted {
            Wanted::X25519 => (Algorithm::X25519, false),
            Wanted::Rsa => (Algorithm::Rsa, true),
            Wanted::RsaPublic => {
                return self.algorithm == Algorithm::Rsa
                    && self.part == Part::Public
                    && self.form == Form::Pem;
            }
        };
        let form = self.form == Form::Pem || old && self.form == Form::OldPem;
        form && self.algorithm == algorithm && self.part == Part::Private
    }

    /// The next step for the file `path`: a command that converts it, or that makes a new key.
    pub fn advice(self, path: &Path, wanted: Wanted) -> String {
        let new = path.with_extension("converted.pem");
        let (old, new) = (quoted(path), quoted(&new));
        let fits = match wanted {
            Wanted::X25519 => self.algorithm == Algorithm::X25519,
            Wanted::Rsa | Wanted::RsaPublic => self.algorithm == Algorithm::Rsa,
        };
        let der = if matches!(self.form, Form::Der | Form::OldDer) { " -inform DER" } else { "" };
        let command = match (wanted, self.part) {
            (Wanted::RsaPublic, Part::Certificate) => {
                return format!("take its public key: openssl x509 -in {old} -pubkey -noout -out {new}");
            }
            (Wanted::X25519 | Wanted::Rsa, Part::Encrypted) => {
                format!("openssl pkcs8 -topk8 -scrypt{der} -in {old} -out {new}")
            }
            (Wanted::RsaPublic, Part::Private) if fits => {
                format!("openssl pkey{der} -in {old} -pubout -out {new}")
            }
            (Wanted::RsaPublic, Part::Public) if fits && matches!(self.form, Form::OldPem | Form::OldDer) => {
                format!("openssl rsa -RSAPublicKey_in{der} -in {old} -pubout -out {new}")
            }
            (Wanted::RsaPublic, Part::Public) if fits => {
                format!("openssl pkey -pubin{der} -in {old} -out {new}")
            }
            (Wanted::X25519 | Wanted::Rsa, Part::Private) if fits && self.form != Form::Pem => {
                format!("openssl pkey{der} -in {old} -out {new}")
            }
            (Wanted::X25519, _) => {
                return "a key of another kind cannot be converted. To make one that can be used: openssl genpkey \
                        -algorithm X25519 -out x25519.pem"
                    .to_owned();
            }
            (Wanted::Rsa, _) => {
                return "a key of another kind cannot be converted. To make one that can be used: openssl genpkey \
                        -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out rsa.pem"
                    .to_owned();
            }
            (Wanted::RsaPublic, _) => {
                return "give the anchor.json of the CA, or its ca-public.pem, which has an RSA key"
                    .to_owned();
            }
        };
        format!("convert it: {command}")
    }
}

impl fmt::Display for KeyKind {
    /// Writes for example `an Ed25519 private key`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.algorithm {
            Algorithm::X25519 => "X25519",
            Algorithm::Rsa => "RSA",
            Algorithm::Other(name) => name,
        };
        let article = if name.starts_with('P') { "a" } else { "an" };
        let gap = if name.is_empty() { "" } else { " " };
        let part = match self.part {
            Part::Private => "private key",
            Part::Encrypted => "encrypted private key",
            Part::Public => "public key",
            Part::Certificate => "certificate",
        };
        let form = match (self.form, self.algorithm) {
            (Form::Pem, _) => "",
            (Form::OldPem, Algorithm::Rsa) => " in the form of PKCS#1",
            (Form::OldPem, _) => " in the form of SEC 1",
            (Form::Der, _) => " in DER, without PEM",
            (Form::OldDer, _) => " in the form of PKCS#1 in DER, without PEM",
        };
        write!(f, "{article} {name}{gap}{part}{form}")
    }
}

/// The label of the first PEM text.
fn label(content: &[u8]) -> Option<&str> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let start = content.windows(BEGIN.len()).position(|window| window == BEGIN)? + BEGIN.len();
    let rest = content.get(start..)?;
    let end = rest.windows(5).position(|window| window == b"-----")?;
    std::str::from_utf8(rest.get(..end)?).ok()
}

fn algorithm(found: &AlgorithmIdentifierRef<'_>) -> Algorithm {
    let oid = |oid: &ObjectIdentifier| oid.to_string();
    let curve = found.parameters.and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
    Algorithm::Other(match (oid(&found.oid).as_str(), curve.as_ref().map(oid).as_deref()) {
        ("1.3.101.110", _) => return Algorithm::X25519,
        ("1.2.840.113549.1.1.1", _) => return Algorithm::Rsa,
        ("1.3.101.111", _) => "X448",
        ("1.3.101.112", _) => "Ed25519",
        ("1.3.101.113", _) => "Ed448",
        ("1.2.840.113549.1.1.10", _) => "RSA-PSS",
        ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")) => "P-256",
        ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => "P-384",
        ("1.2.840.10045.2.1", Some("1.3.132.0.35")) => "P-521",
        ("1.2.840.10045.2.1", _) => "elliptic-curve",
        _ => "unknown",
    })
}

/// The part of a key in PKCS#1 (RFC 8017 A.1): a sequence of numbers, three or more for a private key.
fn pkcs1(der: &[u8]) -> der::Result<Part> {
    AnyRef::from_der(der)?.sequence(|reader| {
        let mut numbers = 0;
        while !der::Reader::is_finished(reader) {
            UintRef::decode(reader)?;
            numbers += 1;
        }
        match numbers {
            2 => Ok(Part::Public),
            9 => Ok(Part::Private),
            _ => Err(der::ErrorKind::Failed.into()),
        }
    })
}
