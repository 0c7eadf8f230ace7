//! `minipki x509 verify`: verifies a certificate, with each check.

use std::path::PathBuf;

use clap::ValueEnum;
use minipki_core::encoding::der::Oid;
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::extension::KeyUsage;
use minipki_core::x509::{
    Certificate, Check, PathError, PathValidator, Place, Profile, SignatureAlgorithm, TrustAnchor, ValidPath,
    WorkSpace, algorithm, oid,
};
use minipki_os::clock;
use minipki_provider::HostProvider;

use super::super::values::{ExpectedName, peer_name, time};
use super::super::{CliError, Exit, output};
use super::files::{self, Kind, Source};
use super::{malformed, refusal, report};

/// Verify a certificate up to a trusted CA, and print each check
///
/// The first certificate of FILE is verified. The others of FILE, and those of --untrusted, are intermediates: a path is
/// searched through them to one of the certificates of --trust (RFC 5280 section 6). Their order does not matter, and
/// certificates that are not needed do no harm.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki x509 verify fullchain.pem --trust ca.pem --purpose server --name www.example.com
  minipki x509 verify client.pem --trust ca.pem --untrusted intermediates.pem --purpose client
  minipki x509 verify server.der --trust ca.der --at 2027-03-01 --json

The exit code is 4 if the certificate is refused.")]
pub(in crate::cli) struct Args {
    /// The trusted CAs: certificates in PEM, or one in DER
    #[arg(long, value_name = "FILE", required = true)]
    trust: Vec<PathBuf>,
    /// More certificates between the certificate and the trusted CAs, in PEM, or one in DER
    #[arg(long, value_name = "FILE")]
    untrusted: Vec<PathBuf>,
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
    json: bool,
    /// The certificate, and perhaps intermediates after it, in PEM or DER; - is standard input
    file: PathBuf,
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
    /// What RFC 5280 demands of a CA, for every kind of certificate
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

/// The certificates of a verification.
pub(super) struct Input<'a> {
    pub(super) certificate: (&'a Source, &'a Certificate<'a>),
    pub(super) intermediates: (Vec<&'a Source>, &'a [Certificate<'a>]),
    pub(super) anchors: (Vec<&'a Source>, &'a [TrustAnchor<'a>]),
}

impl<'a> Input<'a> {
    /// The certificate at a place, and its file.
    pub(super) fn at(&self, place: Place) -> Option<(&'a Source, &'a Certificate<'a>)> {
        match place {
            Place::EndEntity => Some(self.certificate),
            Place::Intermediate(at) => {
                self.intermediates.0.get(at).copied().zip(self.intermediates.1.get(at))
            }
            Place::Anchor(at) => {
                let anchor = self.anchors.1.get(at).and_then(TrustAnchor::certificate);
                self.anchors.0.get(at).copied().zip(anchor)
            }
        }
    }
}

pub(super) fn run(args: &Args, provider: HostProvider) -> Result<(), CliError> {
    let trusted = read_all(&args.trust)?;
    let (own, more) = (files::read(&args.file, Kind::Certificate)?, read_all(&args.untrusted)?);
    let (first, others) = own.split_first().ok_or_else(|| nothing(&args.file))?;
    let certificate = Certificate::parse(&first.der).map_err(|error| malformed::refused(first, error))?;
    let (pool, intermediates): (Vec<_>, Vec<_>) = usable(others.iter().chain(&more)).unzip();
    let (roots, anchors): (Vec<_>, Vec<_>) =
        usable(&trusted).map(|(source, root)| (source, TrustAnchor::from_certificate(root))).unzip();
    if anchors.is_empty() {
        let next = "give the certificate of a CA that you trust: --trust FILE";
        return Err(CliError::new(Exit::NotVerified, "no certificate of --trust can be read", next));
    }
    let input = Input {
        certificate: (first, &certificate),
        intermediates: (pool, &intermediates),
        anchors: (roots, &anchors),
    };
    let at = args.at.map_or_else(clock::now, Ok)?;
    let algorithms = algorithms(provider);
    let mut validator = PathValidator::new(&algorithms, Now::Exact(at));
    validator.profile = args.profile.profile();
    validator.purpose = args.purpose.id();
    let mut space = WorkSpace::new();
    let verdict = validator
        .validate_with(&certificate, &intermediates, &anchors, &mut space, |path| accept(args, path))
        .and_then(|path| match &args.name {
            Some(name) => path.require_name(&name.peer_name()).map(|()| path),
            None => Ok(path),
        });
    let refusal = verdict.as_ref().err().map(|error| refusal::of(error, &input, args, at));
    let found = report::Report { args, input: &input, at, verdict: &verdict, refusal: refusal.as_ref() };
    if args.json {
        output::json(&found.json())?;
    } else {
        output::data(|out| out.write_all(found.text().as_bytes()))?;
    }
    refusal.map_or(Ok(()), |refusal| Err(refusal.into_error()))
}

/// The algorithms of the provider.
fn algorithms(provider: HostProvider) -> Vec<&'static dyn SignatureAlgorithm> {
    match provider {
        HostProvider::AwsLc => minipki_provider::x509::ALL.to_vec(),
        HostProvider::Portable => {
            let mut all = [&algorithm::rsa::ALL[..], &algorithm::ecdsa::ALL].concat();
            all.push(&algorithm::ed25519::ED25519);
            all
        }
    }
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<Source>, CliError> {
    let read = paths.iter().map(|path| files::read(path, Kind::Certificate));
    Ok(read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The certificates that are well formed. The others are named, and not used.
fn usable<'a>(
    sources: impl IntoIterator<Item = &'a Source>,
) -> impl Iterator<Item = (&'a Source, Certificate<'a>)> {
    sources.into_iter().filter_map(|source| match Certificate::parse(&source.der) {
        Ok(certificate) => Some((source, certificate)),
        Err(error) => {
            output::say(format_args!("not used: {source}: {}", malformed::seen(&source.der, error)));
            None
        }
    })
}

fn nothing(file: &std::path::Path) -> CliError {
    CliError::new(Exit::Failed, "it has no certificate", "check the path").with(output::name(file))
}

/// The checks that the core leaves to its caller.
fn accept(args: &Args, path: &ValidPath<'_, '_>) -> Result<(), PathError> {
    let usages = args.purpose.key_usages();
    let certificate = path.links().next().map(|link| link.certificate);
    // The extension was read before, without an error.
    let listed = certificate.and_then(|certificate| certificate.extension::<KeyUsage>().ok().flatten());
    match listed {
        Some(listed) if !usages.is_empty() && !usages.iter().any(|usage| listed.value.contains(*usage)) => {
            Err(PathError::Refused { check: Check::KeyUsage, place: Place::EndEntity, at: None })
        }
        _ => Ok(()),
    }
}
