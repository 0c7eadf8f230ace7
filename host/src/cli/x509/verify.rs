//! `minipki x509 verify`: verifies a certificate, with each check.

use minipki_core::time::Now;
use minipki_core::x509::extension::KeyUsage;
use minipki_core::x509::{
    Certificate, Check, Crl, CrlChecker, PathError, PathValidator, Place, SignatureAlgorithm, TrustAnchor,
    ValidPath, WorkSpace, algorithm,
};
use minipki_os::clock;
use minipki_provider::HostProvider;

use super::super::{CliError, Exit, output};
use super::args::Args;
use super::files::{self, Kind};
use super::input::{Input, read_all, usable};
use super::refusal::{self, Refusal};
use super::report;

/// Verifies the certificate, and reports each check.
pub(super) fn run(args: &Args, provider: HostProvider) -> Result<(), CliError> {
    let trusted = read_all(&args.trust, Kind::Certificate)?;
    let (own, more) =
        (files::read(&args.file, Kind::Certificate)?, read_all(&args.untrusted, Kind::Certificate)?);
    let lists = read_all(&args.crl, Kind::Crl)?;
    let (first, others) = own.split_first().ok_or_else(|| nothing(&args.file))?;
    let at = args.at.map_or_else(clock::now, Ok)?;
    let certificate = match Certificate::parse(&first.der) {
        Ok(certificate) => certificate,
        Err(error) => {
            let refusal = Refusal::malformed(first, error);
            if args.json {
                output::json(&report::malformed_json(&refusal, at))?;
            }
            return Err(refusal.into_error());
        }
    };
    let (pool, intermediates): (Vec<_>, Vec<_>) =
        usable(others.iter().chain(&more), Certificate::parse).unzip();
    let (roots, anchors): (Vec<_>, Vec<_>) = usable(&trusted, Certificate::parse)
        .map(|(source, root)| (source, TrustAnchor::from_certificate(root)))
        .unzip();
    let (list_sources, crls): (Vec<_>, Vec<_>) = usable(&lists, Crl::parse).unzip();
    if anchors.is_empty() {
        let next = "give the certificate of a CA that you trust: --trust FILE";
        return Err(CliError::new(Exit::NotVerified, "no certificate of --trust can be read", next));
    }
    let input = Input {
        certificate: (first, &certificate),
        intermediates: (pool, &intermediates),
        anchors: (roots, &anchors),
        crls: (list_sources, &crls),
    };
    let algorithms = algorithms(provider);
    let mut validator = PathValidator::new(&algorithms, Now::Exact(at));
    validator.profile = args.profile.profile();
    validator.purpose = args.purpose.id();
    let checker = CrlChecker { crls: &crls, issuers: &intermediates, validator };
    let (mut space, mut spaces) = (WorkSpace::new(), [WorkSpace::new(), WorkSpace::new()]);
    let (mut reached, mut revocation) = (Vec::new(), None);
    let verdict = validator
        .validate_with(&certificate, &intermediates, &anchors, &mut space, |path| {
            reached = places(path, &anchors);
            check_key_usage(args, path)?;
            if args.crl.is_empty() {
                return Ok(());
            }
            checker.check(path, &mut spaces).map(drop).map_err(|error| {
                revocation = Some(error);
                PathError::from(error)
            })
        })
        .and_then(|path| match &args.name {
            Some(name) => path.require_name(&name.peer_name()).map(|()| path),
            None => Ok(path),
        });
    let refusal = verdict.as_ref().err().map(|error| refusal::of(error, revocation, &input, args, at));
    let error = verdict.err();
    let found = report::Report { args, input: &input, at, error, path: &reached, refusal: refusal.as_ref() };
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

fn nothing(file: &std::path::Path) -> CliError {
    CliError::new(Exit::Failed, "it has no certificate", "check the path").with(output::name(file))
}

/// The places of the certificates of a path, the last one being the trust anchor.
fn places(path: &ValidPath<'_, '_>, anchors: &[TrustAnchor<'_>]) -> Vec<Place> {
    let anchor = anchors.iter().position(|anchor| std::ptr::addr_eq(anchor, path.anchor()));
    path.links().map(|link| link.place).chain(anchor.map(Place::Anchor)).collect()
}

/// The check of keyUsage that the core leaves to its caller: one of several uses is enough.
fn check_key_usage(args: &Args, path: &ValidPath<'_, '_>) -> Result<(), PathError> {
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
