//! Trust anchors ([RFC 5280 §6.1.1](https://www.rfc-editor.org/rfc/rfc5280#section-6.1.1) (d)).

use super::{Certificate, Name, PublicKeyInfo};

/// A CA that the caller trusts: a name and a key.
#[derive(Clone, Copy, Debug)]
pub struct TrustAnchor<'a> {
    name: Name<'a>,
    key: PublicKeyInfo<'a>,
    certificate: Option<Certificate<'a>>,
}

impl<'a> TrustAnchor<'a> {
    /// A trust anchor from its name and its key. Both are trusted without a limit.
    pub const fn new(name: Name<'a>, key: PublicKeyInfo<'a>) -> Self {
        Self { name, key, certificate: None }
    }

    /// A trust anchor from a certificate, which need not be self-signed. Its signature is not verified.
    ///
    /// The certificate is checked like that of an intermediate: its validity, its path length, its name constraints
    /// ([RFC 5937](https://www.rfc-editor.org/rfc/rfc5937)) and the checks of the profile. Its policies are not used.
    pub const fn from_certificate(certificate: Certificate<'a>) -> Self {
        Self { name: *certificate.subject(), key: *certificate.public_key(), certificate: Some(certificate) }
    }

    /// The name of the CA.
    pub const fn name(&self) -> &Name<'a> {
        &self.name
    }

    /// The key of the CA.
    pub const fn public_key(&self) -> &PublicKeyInfo<'a> {
        &self.key
    }

    /// The certificate, if the anchor was made from one.
    pub const fn certificate(&self) -> Option<&Certificate<'a>> {
        self.certificate.as_ref()
    }
}
