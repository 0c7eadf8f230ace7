//! The checks of a path, by name.

use core::fmt;

/// Defines an enum of checks from one line for each check: its documentation, its name and its section.
macro_rules! checks {
    ($(#[$about:meta])* $type:ident; $($(#[doc = $doc:literal])* $check:ident, $name:literal, $section:literal;)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum $type {
            $($(#[doc = $doc])* $check,)*
        }

        impl $type {
            /// Every check.
            pub const ALL: &[Self] = &[$(Self::$check,)*];

            /// The name of the check for programs. It stays the same in later versions.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$check => $name,)* }
            }

            /// The condition that the check demands, as a sentence for people.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$check => concat!($($doc),*).trim_ascii(),)* }
            }

            /// The section that demands the check.
            pub const fn section(self) -> &'static str {
                match self { $(Self::$check => $section,)* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(super) use checks;

checks! {
    /// A check that can refuse a path.
    ///
    /// The checks of RFC 5280 §6.1 are always made. The others are made if the [`Profile`](super::Profile) has them.
    Check;

    // Always made. A later check of this part is nearer to a valid path.
    /// A path leads from the certificate to a trust anchor.
    Issuer, "issuer", "RFC 5280 §6.1.3 (a)(4)";
    /// The value of each known extension is well formed.
    Extension, "extension", "RFC 5280 §4.2";
    /// Each critical extension is known.
    CriticalExtension, "critical_extension", "RFC 5280 §6.1.4 (o), §6.1.5 (e)";
    /// The signed algorithm is the one beside the signature.
    AlgorithmMatch, "algorithm_match", "RFC 5280 §4.1.1.2";
    /// Each name constraint has a form and a value that this program can apply.
    NameConstraintForm, "name_constraint_form", "RFC 5280 §4.2.1.10";
    /// An issuer is a CA.
    BasicConstraints, "basic_constraints", "RFC 5280 §6.1.4 (k)";
    /// The key of an issuer may sign certificates.
    KeyCertSign, "key_cert_sign", "RFC 5280 §6.1.4 (n)";
    /// The signature is by an accepted algorithm.
    SignatureAlgorithm, "signature_algorithm", "RFC 5280 §6.1.3 (a)(1)";
    /// The key of the issuer is accepted by the algorithm: its kind, size and value.
    IssuerKey, "issuer_key", "RFC 5280 §6.1.3 (a)(1)";
    /// The key of the issuer has signed the certificate.
    Signature, "signature", "RFC 5280 §6.1.3 (a)(1)";
    /// No issuer has more intermediates after it than it allows.
    PathLength, "path_length", "RFC 5280 §6.1.4 (l), (m)";
    /// All names are permitted, and none is excluded.
    NameConstraints, "name_constraints", "RFC 5280 §6.1.3 (b), (c)";
    /// No policy is mapped to or from anyPolicy.
    PolicyMapping, "policy_mapping", "RFC 5280 §6.1.4 (a)";
    /// The path has a policy that the caller accepts, if one is required.
    Policy, "policy", "RFC 5280 §6.1.3 (f), §6.1.5 (g); RFC 9618";
    /// The certificate allows the purpose.
    Purpose, "purpose", "RFC 5280 §4.2.1.12";
    /// The certificate allows the uses of the key.
    KeyUsage, "key_usage", "RFC 5280 §4.2.1.3";
    /// The time is not before the validity.
    NotBefore, "not_before", "RFC 5280 §6.1.3 (a)(2)";
    /// The time is not after the validity.
    NotAfter, "not_after", "RFC 5280 §6.1.3 (a)(2)";
    /// The certificate is not revoked, as far as the caller checks this.
    Revocation, "revocation", "RFC 5280 §6.1.3 (a)(3)";
    /// The certificate has the expected name.
    SubjectName, "subject_name", "RFC 9525 §6; RFC 5280 §4.2.1.6";

    // Duties of a CA by RFC 5280 §4, which the algorithm of §6.1 does not check.
    /// The serial number is positive and has at most 20 bytes. That of a trust anchor is not used.
    SerialNumber, "serial_number", "RFC 5280 §4.1.2.2";
    /// The issuer is not empty.
    IssuerName, "issuer_name", "RFC 5280 §4.1.2.4";
    /// The subject of a CA is not empty.
    CaSubject, "ca_subject", "RFC 5280 §4.1.2.6";
    /// There is no unique identifier.
    UniqueId, "unique_id", "RFC 5280 §4.1.2.8";
    /// authorityKeyIdentifier names the issuer's key and is not critical. A self-issued certificate and
    /// a trust anchor may lack it.
    AuthorityKeyId, "authority_key_id", "RFC 5280 §4.2.1.1";
    /// subjectKeyIdentifier is in each CA certificate and is not critical.
    SubjectKeyId, "subject_key_id", "RFC 5280 §4.2.1.2";
    /// Only a CA may sign certificates by keyUsage.
    KeyUsageCa, "key_usage_ca", "RFC 5280 §4.2.1.3, §4.2.1.9";
    /// Each policy occurs once.
    PolicyOnce, "policy_once", "RFC 5280 §4.2.1.4";
    /// subjectAltName is critical if the subject is empty, and then it is present.
    AltNameOnly, "alt_name_only", "RFC 5280 §4.2.1.6";
    /// The names in subjectAltName are well formed.
    AltNameForm, "alt_name_form", "RFC 5280 §4.2.1.6";
    /// basicConstraints is critical in a CA certificate, and only a CA that may sign has pathLenConstraint.
    BasicConstraintsForm, "basic_constraints_form", "RFC 5280 §4.2.1.9";
    /// nameConstraints is in CA certificates alone.
    NameConstraintsCa, "name_constraints_ca", "RFC 5280 §4.2.1.10";
    /// nameConstraints is critical.
    NameConstraintsCritical, "name_constraints_critical", "RFC 5280 §4.2.1.10";
    /// policyConstraints is critical.
    PolicyConstraintsCritical, "policy_constraints_critical", "RFC 5280 §4.2.1.11";
    /// inhibitAnyPolicy is critical.
    InhibitAnyPolicyCritical, "inhibit_any_policy_critical", "RFC 5280 §4.2.1.14";
    /// freshestCRL and authorityInfoAccess are not critical.
    LocationCritical, "location_critical", "RFC 5280 §4.2.1.15, §4.2.2.1";
    /// An RSA key has at least 2048 bits and an odd exponent above 1, also the key of the end entity.
    KeyStrength, "key_strength", "NIST SP 800-131A; RFC 8017 §3.1";
    /// A CA whose certificate lists purposes issues for these alone.
    CaPurpose, "ca_purpose", "CA/B BR 7.1.2.10.6";

    // Rules of the CA/Browser Forum for TLS servers (Baseline Requirements).
    /// The version is 3.
    Version, "version", "CA/B BR 7.1.1";
    /// The certificate of a server is not one of a CA.
    ServerNotCa, "server_not_ca", "CA/B BR 7.1.2.7.8";
    /// The certificate of a server lists its purposes, not as critical, and without anyExtendedKeyUsage.
    ServerPurpose, "server_purpose", "CA/B BR 7.1.2.7.6, 7.1.2.7.10";
    /// A root lists no purpose.
    RootPurpose, "root_purpose", "CA/B BR 7.1.2.1.2";
    /// subjectAltName is present, and is critical only if the subject is empty.
    ServerAltName, "server_alt_name", "CA/B BR 7.1.2.7.12";
    /// A wildcard stands before at least two labels.
    Wildcard, "wildcard", "CA/B BR 3.2.2.6";
    /// commonName is a copy of a name in subjectAltName.
    CommonName, "common_name", "CA/B BR 7.1.4.3";
    /// The key is RSA of a multiple of 8 bits, or on P-256, P-384 or P-521 by name.
    KeyKind, "key_kind", "CA/B BR 6.1.5, 7.1.3.1";
    /// authorityKeyIdentifier has the key identifier alone; that of a root is its own.
    AuthorityKeyIdForm, "authority_key_id_form", "CA/B BR 7.1.2.1.3, 7.1.2.11.1";
}
