//! The object identifiers of RFC 5280 and of the keys of RFC 3279, 5480 and 8410.

use crate::encoding::der::Oid;

const fn oid(contents: &'static [u8]) -> Oid<'static> {
    Oid::from_contents(contents)
}

/// subjectKeyIdentifier: 2.5.29.14.
pub const SUBJECT_KEY_ID: Oid<'static> = oid(&[0x55, 0x1d, 14]);
/// keyUsage: 2.5.29.15.
pub const KEY_USAGE: Oid<'static> = oid(&[0x55, 0x1d, 15]);
/// subjectAltName: 2.5.29.17.
pub const SUBJECT_ALT_NAME: Oid<'static> = oid(&[0x55, 0x1d, 17]);
/// issuerAltName: 2.5.29.18.
pub const ISSUER_ALT_NAME: Oid<'static> = oid(&[0x55, 0x1d, 18]);
/// basicConstraints: 2.5.29.19.
pub const BASIC_CONSTRAINTS: Oid<'static> = oid(&[0x55, 0x1d, 19]);
/// cRLNumber: 2.5.29.20.
pub const CRL_NUMBER: Oid<'static> = oid(&[0x55, 0x1d, 20]);
/// reasonCode: 2.5.29.21.
pub const REASON_CODE: Oid<'static> = oid(&[0x55, 0x1d, 21]);
/// invalidityDate: 2.5.29.24.
pub const INVALIDITY_DATE: Oid<'static> = oid(&[0x55, 0x1d, 24]);
/// deltaCRLIndicator: 2.5.29.27.
pub const DELTA_CRL_INDICATOR: Oid<'static> = oid(&[0x55, 0x1d, 27]);
/// issuingDistributionPoint: 2.5.29.28.
pub const ISSUING_DISTRIBUTION_POINT: Oid<'static> = oid(&[0x55, 0x1d, 28]);
/// certificateIssuer: 2.5.29.29.
pub const CERTIFICATE_ISSUER: Oid<'static> = oid(&[0x55, 0x1d, 29]);
/// nameConstraints: 2.5.29.30.
pub const NAME_CONSTRAINTS: Oid<'static> = oid(&[0x55, 0x1d, 30]);
/// cRLDistributionPoints: 2.5.29.31.
pub const CRL_DISTRIBUTION_POINTS: Oid<'static> = oid(&[0x55, 0x1d, 31]);
/// certificatePolicies: 2.5.29.32.
pub const CERTIFICATE_POLICIES: Oid<'static> = oid(&[0x55, 0x1d, 32]);
/// anyPolicy: 2.5.29.32.0.
pub const ANY_POLICY: Oid<'static> = oid(&[0x55, 0x1d, 32, 0]);
/// policyMappings: 2.5.29.33.
pub const POLICY_MAPPINGS: Oid<'static> = oid(&[0x55, 0x1d, 33]);
/// authorityKeyIdentifier: 2.5.29.35.
pub const AUTHORITY_KEY_ID: Oid<'static> = oid(&[0x55, 0x1d, 35]);
/// policyConstraints: 2.5.29.36.
pub const POLICY_CONSTRAINTS: Oid<'static> = oid(&[0x55, 0x1d, 36]);
/// extKeyUsage: 2.5.29.37.
pub const EXTENDED_KEY_USAGE: Oid<'static> = oid(&[0x55, 0x1d, 37]);
/// anyExtendedKeyUsage: 2.5.29.37.0.
pub const ANY_PURPOSE: Oid<'static> = oid(&[0x55, 0x1d, 37, 0]);
/// freshestCRL: 2.5.29.46.
pub const FRESHEST_CRL: Oid<'static> = oid(&[0x55, 0x1d, 46]);
/// inhibitAnyPolicy: 2.5.29.54.
pub const INHIBIT_ANY_POLICY: Oid<'static> = oid(&[0x55, 0x1d, 54]);
/// authorityInfoAccess: 1.3.6.1.5.5.7.1.1.
pub const AUTHORITY_INFO_ACCESS: Oid<'static> = oid(&[0x2b, 6, 1, 5, 5, 7, 1, 1]);

/// id-kp-serverAuth: 1.3.6.1.5.5.7.3.1.
pub const SERVER_AUTH: Oid<'static> = oid(&[0x2b, 6, 1, 5, 5, 7, 3, 1]);
/// id-kp-clientAuth: 1.3.6.1.5.5.7.3.2.
pub const CLIENT_AUTH: Oid<'static> = oid(&[0x2b, 6, 1, 5, 5, 7, 3, 2]);
/// id-kp-OCSPSigning: 1.3.6.1.5.5.7.3.9.
pub const OCSP_SIGNING: Oid<'static> = oid(&[0x2b, 6, 1, 5, 5, 7, 3, 9]);

/// id-pkix-ocsp-basic: 1.3.6.1.5.5.7.48.1.1.
pub const OCSP_BASIC: Oid<'static> = oid(&[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1]);
/// id-pkix-ocsp-nonce: 1.3.6.1.5.5.7.48.1.2.
pub const OCSP_NONCE: Oid<'static> = oid(&[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2]);
/// id-pkix-ocsp-nocheck: 1.3.6.1.5.5.7.48.1.5.
pub const OCSP_NO_CHECK: Oid<'static> = oid(&[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 5]);

/// SHA-1: 1.3.14.3.2.26.
pub const SHA1: Oid<'static> = oid(&[0x2b, 14, 3, 2, 26]);
/// SHA-256: 2.16.840.1.101.3.4.2.1.
pub const SHA256: Oid<'static> = oid(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]);

/// The attribute commonName: 2.5.4.3.
pub const COMMON_NAME: Oid<'static> = oid(&[0x55, 4, 3]);
/// The attribute emailAddress: 1.2.840.113549.1.9.1.
pub const EMAIL_ADDRESS: Oid<'static> = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1]);

/// rsaEncryption: 1.2.840.113549.1.1.1.
pub const RSA_ENCRYPTION: Oid<'static> = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]);
/// id-RSASSA-PSS: 1.2.840.113549.1.1.10.
pub const RSASSA_PSS: Oid<'static> = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10]);
