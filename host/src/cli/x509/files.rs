//! Files with objects of X.509: PEM with any number of them, or the DER of one.

use std::fmt;
use std::path::{Path, PathBuf};

use minipki_core::encoding::base64;
use minipki_core::encoding::der::{DerError, Tag};
use minipki_net::trace::explain::escaped;

use super::super::{CliError, Exit, output};
use super::malformed::{self, header};

/// The kind of an object of X.509.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Certificate,
    Request,
    Crl,
    OcspResponse,
}

impl Kind {
    /// The name in messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Request => "certificate request",
            Self::Crl => "CRL",
            Self::OcspResponse => "OCSP response",
        }
    }

    /// The kind of the object that PEM with this label has (RFC 7468 §5 to §7).
    fn of_label(label: &str) -> Option<Self> {
        match label {
            "CERTIFICATE" | "X509 CERTIFICATE" => Some(Self::Certificate),
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Some(Self::Request),
            "X509 CRL" => Some(Self::Crl),
            // No standard has this one. OpenSSL writes it.
            "OCSP RESPONSE" => Some(Self::OcspResponse),
            _ => None,
        }
    }

    /// The kind of the object that begins as this DER does, also if it is malformed later; `None` for others.
    pub(super) fn of_der(der: &[u8]) -> Option<Self> {
        let sequence = |at| header(der, at).filter(|(tag, ..)| *tag == Tag::SEQUENCE);
        let (_, object, _) = sequence(0)?;
        let (tag, signed, _) = header(der, object)?;
        match tag {
            Tag::ENUMERATED => return Some(Self::OcspResponse),
            Tag::SEQUENCE => {}
            _ => return None,
        }
        let (tag, _, after) = header(der, signed)?;
        let first = match tag {
            Tag::INTEGER => after,
            tag if tag == Tag::constructed(0) => return Some(Self::Certificate),
            _ => signed,
        };
        // An algorithm in a certificate and in a CRL, the subject in a request.
        let (_, contents, after) = sequence(first)?;
        if contents == after || header(der, contents)?.0 == Tag::SET {
            return Some(Self::Request);
        }
        // The issuer, and after it the validity, or the time of the list.
        let (_, _, after) = sequence(after)?;
        match header(der, after)?.0 {
            Tag::SEQUENCE => Some(Self::Certificate),
            Tag::UTC_TIME | Tag::GENERALIZED_TIME => Some(Self::Crl),
            _ => None,
        }
    }
}

/// An object of X.509, and the place where it was read.
#[derive(Debug)]
pub(super) struct Source {
    file: PathBuf,
    /// The number among the objects of its kind in the file, from 1.
    number: usize,
    /// Whether the file has one object of its kind.
    alone: bool,
    kind: Kind,
    pub(super) der: Vec<u8>,
}

impl Source {
    /// An error in the DER, with its place.
    pub(super) fn describe(&self, error: DerError) -> String {
        match self.kind {
            Kind::Certificate => malformed::seen(&self.der, error),
            _ => error.to_string(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        output::name(&self.file).fmt(f)?;
        if self.alone { Ok(()) } else { write!(f, ", {} {}", self.kind.name(), self.number) }
    }
}

/// The text between two boundaries of PEM.
struct Block<'t> {
    label: &'t str,
    /// The number of the line with the first boundary.
    line: usize,
    /// The lines between the boundaries; `None` without a second boundary.
    base64: Option<String>,
}

impl Block<'_> {
    fn decode(self) -> Result<Vec<u8>, String> {
        let Some(text) = self.base64 else {
            return Err(format!("the PEM of line {} has no line -----END {}-----", self.line, self.label));
        };
        let mut der = vec![0; text.len()];
        let length = base64::decode(&text, &mut der).map(<[u8]>::len);
        let length = length.map_err(|_| format!("the PEM of line {} is not base64", self.line))?;
        der.truncate(length);
        Ok(der)
    }
}

/// The blocks of PEM in `content`, in their order. Other text is not read. Blanks and the length of lines do not matter.
fn blocks(content: &[u8]) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open: Option<(&str, usize, String)> = None;
    for (line, text) in (1..).zip(content.split(|byte| *byte == b'\n')) {
        let text = std::str::from_utf8(text).unwrap_or("?").trim();
        let boundary = |word| text.strip_prefix(word).and_then(|rest| rest.strip_suffix("-----"));
        if let Some(label) = boundary("-----BEGIN ") {
            let before = open.replace((label, line, String::new()));
            blocks.extend(before.map(|(label, line, _)| Block { label, line, base64: None }));
        } else if let Some(end) = boundary("-----END ") {
            if let Some((label, line, body)) = open.take() {
                blocks.push(Block { label, line, base64: (label == end).then_some(body) });
            }
        } else if let Some((label, _, body)) = &mut open
            && Kind::of_label(label).is_some()
        {
            body.extend(text.chars().filter(|c| !c.is_whitespace()));
        }
    }
    blocks.extend(open.map(|(label, line, _)| Block { label, line, base64: None }));
    blocks
}

/// An object in a text: its kind, and its DER or the error of its PEM.
pub(super) type Found = (Kind, Result<Vec<u8>, String>);

/// The objects of X.509 in `content`, in their order; `None` if it has none.
pub(super) fn objects(content: &[u8]) -> Option<Vec<Found>> {
    if is_der(content) {
        return Kind::of_der(content).map(|kind| vec![(kind, Ok(content.to_vec()))]);
    }
    let known = |block: Block<'_>| Kind::of_label(block.label).map(|kind| (kind, block.decode()));
    let found: Vec<_> = blocks(content).into_iter().filter_map(known).collect();
    (!found.is_empty()).then_some(found)
}

/// Whether `content` has an object of X.509.
pub(in crate::cli) fn is_x509(content: &[u8]) -> bool {
    objects(content).is_some()
}

/// Reads all objects of this kind in the file `path`; `-` is standard input.
///
/// # Errors
/// An error that names the file, also if it has no object of this kind, or a damaged one.
pub(super) fn read(path: &Path, kind: Kind) -> Result<Vec<Source>, CliError> {
    let content = output::read_list(path)?;
    // The reader of the object describes what is wrong with DER that begins like this.
    let der = is_der(&content);
    if der && Kind::of_der(&content).is_none_or(|found| found == kind) && !is_bundle(&content) {
        let der = content.to_vec();
        return Ok(vec![Source { file: path.to_owned(), number: 1, alone: true, kind, der }]);
    }
    let blocks = if der { Vec::new() } else { blocks(&content) };
    let wanted = blocks.into_iter().filter(|block| Kind::of_label(block.label) == Some(kind));
    let found = wanted.map(Block::decode).collect::<Result<Vec<_>, _>>().map_err(|seen| {
        let next = "the file was damaged; get it again from its source";
        CliError::new(Exit::Failed, seen, next).with(output::name(path))
    })?;
    if found.is_empty() {
        return Err(without(path, kind, &content));
    }
    let alone = found.len() == 1;
    let source = |(number, der)| Source { file: path.to_owned(), number, alone, kind, der };
    Ok((1..).zip(found).map(source).collect())
}

/// Whether the content begins as DER does. A text with PEM can begin with the same byte, the digit 0.
fn is_der(content: &[u8]) -> bool {
    content.first() == Some(&Tag::SEQUENCE.0) && blocks(content).is_empty()
}

/// Whether DER is of PKCS#7 (the type comes first) or of PKCS#12 and keys (a version comes first).
fn is_bundle(der: &[u8]) -> bool {
    let first = header(der, 0).and_then(|(_, contents, _)| header(der, contents));
    matches!(first, Some((Tag::OBJECT_IDENTIFIER | Tag::INTEGER, ..)))
}

/// The error of a file without an object of this kind.
fn without(path: &Path, kind: Kind, content: &[u8]) -> CliError {
    let labels: Vec<_> = blocks(content).iter().map(|block| escaped(block.label.as_bytes(), 40)).collect();
    let has_label = |word: &str| labels.iter().any(|label| label == word);
    let give = format!("give a file with a {} in PEM or DER", kind.name());
    let (seen, next) = if content.is_empty() {
        ("it is empty".to_owned(), give)
    } else if content.first() == Some(&b'{') {
        let next = "`minipki verify` verifies the certificates of MiniPKI in JSON";
        ("it is a JSON file, and not X.509".to_owned(), next.to_owned())
    } else if has_label("PKCS7") {
        let next =
            "write its certificates to a file: openssl pkcs7 -print_certs -in FILE -out certificates.pem";
        ("it is a bundle in PKCS#7".to_owned(), next.to_owned())
    } else if has_label("TRUSTED CERTIFICATE") {
        let next = "write the certificate alone to a file: openssl x509 -in FILE -out certificate.pem";
        ("it is a certificate with trust settings of OpenSSL".to_owned(), next.to_owned())
    } else if let Some(label) = labels.first() {
        (format!("it has no {}, but a PEM block {label}", kind.name()), give)
    } else if let Some(found) = Kind::of_der(content) {
        (format!("it is a {}, and not a {}", found.name(), kind.name()), give)
    } else if is_bundle(content) {
        let next = "write its certificates to a file: `openssl pkcs7 -inform der -print_certs` or `openssl pkcs12 -nokeys`";
        ("it is a key, or a bundle in PKCS#7 or PKCS#12".to_owned(), next.to_owned())
    } else {
        ("it is neither PEM nor DER".to_owned(), give)
    };
    CliError::new(Exit::Failed, seen, next).with(output::name(path))
}
