//! X.509 certificates.

use minipki_core::encoding::der::{DerError, Reader};
use minipki_core::x509::{Certificate, Comparison, Name};

/// Checks any bytes. Returns whether they are a certificate.
///
/// - An error is at one of the bytes, or at their end.
/// - The encoding and the signed part are those of the input, and each value reads again as the same.
/// - A name is the same as itself. Two names compare the same in both directions.
/// - Each byte is needed: a shorter input and a longer one are refused.
pub fn x509_certificate(data: &[u8]) -> bool {
    let certificate = match Certificate::parse(data) {
        Ok(certificate) => certificate,
        Err(DerError { at, .. }) => {
            assert!(at <= data.len());
            return false;
        }
    };
    assert_eq!(certificate.der(), data);
    assert!(is_within(data, certificate.tbs()) && is_within(certificate.tbs(), certificate.serial()));
    assert!(is_within(data, certificate.signature()));
    assert!(certificate.not_before().get() <= 253_402_300_799);

    let (issuer, subject) = (certificate.issuer(), certificate.subject());
    assert_eq!(issuer.compare(issuer), Comparison::Same);
    assert_eq!(issuer.compare(subject), subject.compare(issuer));
    assert_eq!(issuer.compare_start(issuer), Comparison::Same);
    let empty = Name::of_contents(Reader::new(&[])).expect("an empty name");
    assert_eq!(issuer.compare_start(&empty), Comparison::Same, "all names are in the empty subtree");
    assert_eq!(subject.is_empty(), subject.attributes().next().is_none());

    for extension in certificate.extensions() {
        assert!(is_within(certificate.tbs(), extension.value.rest()));
        assert_eq!(&data[extension.value.at()..][..extension.value.rest().len()], extension.value.rest());
        let _ = extension.check();
        assert_eq!(certificate.extensions().filter(|other| other.id == extension.id).count(), 1);
        assert!(!extension.id.to_string().is_empty());
    }
    assert!(Certificate::parse(&data[..data.len() - 1]).is_err());
    assert!(Certificate::parse(&[data, &[0]].concat()).is_err());
    true
}

/// Returns whether `inner` is a part of `outer`, in memory.
fn is_within(outer: &[u8], inner: &[u8]) -> bool {
    let (outer, inner) = (outer.as_ptr_range(), inner.as_ptr_range());
    outer.start <= inner.start && inner.end <= outer.end
}
