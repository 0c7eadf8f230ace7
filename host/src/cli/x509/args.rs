//! The arguments of `minipki x509 verify`.

use std::path::PathBuf;

use clap::ValueEnum;
use minipki_core::encoding::der::Oid;
use minipki_core::time::UnixTime;
use minipki_core::x509::extension::KeyUsage;
use minipki_core::x509::{Profile, oid};

use super::super::values::{ExpectedName, peer_name, time};

/// Verify a certificate up to a trusted CA, and print each check
///
/// The first certificate of FILE is verified. The others of FILE, and those of --untrusted, are intermediates: a path is
/// searched through them to one of the certificates of --trust (RFC 5280 section 6). Their order does not matter, and
/// certificates that are not needed do no harm.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki x509 verify fullchain.pem --trust ca.pem --purpose server --name www.example.com
  minipki x509 verify client.pem --trust ca.pem --untrusted intermediates.pem --purpose client
  minipki x509 verify client.pem --trust ca.pem --crl ca.crl
  minipki x509 verify server.der --trust ca.der --at 2027-03-01 --json

The exit code is 4 if the certificate is refused.")]
pub(in crate::cli) struct Args {
    /// The trusted CAs: certificates in PEM, or one in DER
    #[arg(long, value_name = "FILE", required = true)]
    pub(super) trust: Vec<PathBuf>,
    /// More certificates between the certificate and the trusted CAs, in PEM, or one in DER
    #[arg(long, value_name = "FILE")]
    pub(super) untrusted: Vec<PathBuf>,
    /// The lists of revoked certificates (CRLs), in PEM, or one in DER: each certificate between FILE and the trusted CA
    /// must be in the scope of a genuine and current list, and not on it
    #[arg(long, value_name = "FILE")]
    pub(super) crl: Vec<PathBuf>,
    /// The purpose that the certificate must allow
    #[arg(long, value_enum, default_value = "any")]
    pub(super) purpose: Purpose,
    /// The name that the certificate must have: a host, an IP address or an e-mail address, or dns:HOST, ip:ADDRESS,
    /// email:ADDRESS or uri:URI
    #[arg(long, value_name = "NAME", value_parser = peer_name)]
    pub(super) name: Option<ExpectedName>,
    /// The rules beside the path check of RFC 5280
    #[arg(long, value_enum, default_value = "rfc5280")]
    pub(super) profile: ProfileArg,
    /// Verify for this time in UTC instead of now: 2027-03-01, 2027-03-01T12:00:00Z or now
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) at: Option<UnixTime>,
    /// Print JSON, also for a refused certificate
    #[arg(long)]
    pub(super) json: bool,
    /// The certificate, and perhaps intermediates after it, in PEM or DER; - is standard input
    pub(super) file: PathBuf,
}

/// A purpose of a certificate (RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Purpose {
    /// Any: neither purposes nor uses of the key are checked
    Any,
    /// A TLS server
    Server,
    /// A TLS client
    Client,
    /// Signed or encrypted e-mail
    Email,
    /// Signed programs
    CodeSigning,
    /// Signed OCSP responses
    OcspSigning,
    /// Signed time stamps
    TimeStamping,
}

impl Purpose {
    /// The identifier of the purpose in extKeyUsage.
    pub(super) const fn id(self) -> Option<Oid<'static>> {
        /// id-kp: 1.3.6.1.5.5.7.3, with the last arc.
        const fn key_purpose(contents: &'static [u8; 8]) -> Option<Oid<'static>> {
            Some(Oid::from_contents(contents))
        }
        match self {
            Self::Any => None,
            Self::Server => Some(oid::SERVER_AUTH),
            Self::Client => Some(oid::CLIENT_AUTH),
            Self::CodeSigning => key_purpose(&[0x2b, 6, 1, 5, 5, 7, 3, 3]),
            Self::Email => key_purpose(&[0x2b, 6, 1, 5, 5, 7, 3, 4]),
            Self::TimeStamping => key_purpose(&[0x2b, 6, 1, 5, 5, 7, 3, 8]),
            Self::OcspSigning => Some(oid::OCSP_SIGNING),
        }
    }

    /// The uses of the key of which keyUsage must have one, as RFC 5280 §4.2.1.12 lists them for the purpose.
    pub(super) const fn key_usages(self) -> &'static [KeyUsage] {
        const SIGNS: KeyUsage = KeyUsage::DIGITAL_SIGNATURE;
        const COMMITS: KeyUsage = KeyUsage::NON_REPUDIATION;
        const ENCIPHERS: KeyUsage = KeyUsage::KEY_ENCIPHERMENT;
        const AGREES: KeyUsage = KeyUsage::KEY_AGREEMENT;
        match self {
            Self::Any => &[],
            Self::Server => &[SIGNS, ENCIPHERS, AGREES],
            Self::Client => &[SIGNS, AGREES],
            Self::CodeSigning => &[SIGNS],
            Self::Email => &[SIGNS, COMMITS, ENCIPHERS, AGREES],
            Self::TimeStamping | Self::OcspSigning => &[SIGNS, COMMITS],
        }
    }
}

/// A profile of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ProfileArg {
    /// The demands of RFC 5280 on a CA, for every kind of certificate
    Rfc5280,
    /// The rules of the CA/Browser Forum for TLS servers on the web
    WebPki,
}

impl ProfileArg {
    pub(super) const fn profile(self) -> Profile {
        match self {
            Self::Rfc5280 => Profile::RFC5280,
            Self::WebPki => Profile::WEB_PKI,
        }
    }
}
