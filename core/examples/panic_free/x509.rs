//! X.509: certificates, names, extensions, paths, and DER.

use core::net::{IpAddr, Ipv4Addr};

use minipki_core::crypto::rsa::{AllSizes, PublicKey};
use minipki_core::encoding::der::{BitString, Decode, DerError, Oid, Reader, SequenceOf, Tag};
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::extension::{
    AuthorityKeyId, BasicConstraints, ExtendedKeyUsage, Extension, KeyUsage, RawExtension, SubjectAltName,
};
use minipki_core::x509::{
    Certificate, Check, GeneralName, GeneralNames, Name, PathError, PathValidator, PeerName, Profile,
    PublicKeyInfo, SignatureAlgorithm, SignatureError, Signed, TrustAnchor, ValidPath, WorkSpace,
};

use crate::documents::say;
use crate::{any, bytes, keep, text};

/// All public functions of `encoding::der` and `x509`.
pub(crate) fn all() {
    keep(values());
    keep(extensions());
    keep(path());
    for check in Check::ALL {
        keep((Check::name(*check), Check::section(*check), Check::meaning(*check))); // check::name, check::section, check::meaning
        say(*check);
        keep((Profile::with(any(Profile::PATH), *check), Profile::without(any(Profile::WEB_PKI), *check)));
    }
    say(any(SignatureError::Key));
}

fn values() -> Result<(), DerError> {
    let mut reader = Reader::new(bytes());
    let tag = any(Tag::SEQUENCE);
    keep((Tag::context(any(0)), Tag::constructed(any(0))));
    keep((Reader::rest(&reader), Reader::at(&reader), Reader::is_empty(&reader), Reader::peek(&reader)));
    let element = match any(0) {
        0 => Reader::any(&mut reader)?,
        _ => Reader::element(&mut reader, tag)?,
    };
    keep(element);
    keep((Reader::nested(&mut reader, tag)?, Reader::optional(&mut reader, tag)?));
    keep((Reader::default_false(&mut reader)?, Reader::integer(&mut reader, tag)?));
    keep((Reader::unsigned(&mut reader, tag)?, Reader::ia5(&mut reader, tag)?));
    let oid = Oid::implicit(&mut reader, tag)?;
    say(oid);
    keep((Oid::contents(oid), Oid::decode(&mut reader)?, any(Oid::from_contents(bytes()))));
    keep((BitString::whole_bytes(&mut reader)?, BitString::named(&mut reader, tag)?));
    keep((BitString::implicit(&mut reader, tag)?, UnixTime::decode(&mut reader)?));
    for list in [SequenceOf::implicit(&mut reader, tag)?, SequenceOf::of_contents(reader)?] {
        keep(list.last().map(|oid: Oid<'_>| oid));
    }
    let error = Reader::error(&reader, any(minipki_core::encoding::der::DerErrorKind::Tag));
    say(error);
    Reader::finish(reader)
}

fn extensions() -> Result<(), DerError> {
    let certificate = Certificate::parse(bytes())?;
    for raw in Certificate::extensions(&certificate) {
        keep(RawExtension::check(raw)?);
        let usage: Extension<KeyUsage> = RawExtension::read(raw)?;
        keep(KeyUsage::contains(usage.value, KeyUsage::with(usage.value, any(KeyUsage::CRL_SIGN))));
    }
    if let Some(found) = Certificate::extension::<ExtendedKeyUsage<'_>>(&certificate)? {
        keep(ExtendedKeyUsage::contains(&found.value, any(Oid::from_contents(bytes()))));
    }
    if let Some(found) = certificate.extension::<SubjectAltName<'_>>()? {
        names(found.value.0);
    }
    keep((certificate.extension::<AuthorityKeyId<'_>>()?, certificate.extension::<BasicConstraints>()?));
    keep((
        Certificate::der(&certificate),
        Certificate::tbs(&certificate),
        Certificate::version(&certificate),
    ));
    keep((Certificate::serial(&certificate), Certificate::signed_algorithm(&certificate)));
    keep((Certificate::signature_algorithm(&certificate), Certificate::signature(&certificate)));
    keep((Certificate::not_before(&certificate), Certificate::not_after(&certificate)));
    keep((Certificate::has_unique_ids(&certificate), Certificate::is_self_issued(&certificate)));
    let (issuer, subject) = (Certificate::issuer(&certificate), Certificate::subject(&certificate));
    keep(Certificate::public_key(&certificate));
    keep((Name::compare(issuer, subject), Name::compare_start(issuer, subject)));
    keep((Name::is_empty(subject), Name::contents(subject), Name::attributes(subject).last()));
    keep(Name::of_contents(Reader::new(bytes()))?);
    Ok(())
}

fn names(names: GeneralNames<'_>) {
    let expected = match any(0) {
        0 => PeerName::Dns(text()),
        1 => PeerName::Ip(any(IpAddr::V4(Ipv4Addr::LOCALHOST))),
        2 => PeerName::Email(text()),
        _ => PeerName::Uri(text()),
    };
    for name in names {
        keep(PeerName::is_presented_by(&expected, &name));
        keep(GeneralName::is_same_form(&name, &any(name)));
    }
}

/// An algorithm that does nothing.
struct Any;

impl SignatureAlgorithm for Any {
    fn name(&self) -> &'static str {
        text()
    }

    fn is_signature_id(&self, _: &[u8]) -> bool {
        any(true)
    }

    fn is_key_id(&self, _: &[u8]) -> bool {
        any(true)
    }

    fn check_key(&self, _: &[u8]) -> Result<(), SignatureError> {
        any(Ok(()))
    }

    fn verify(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), SignatureError> {
        any(Ok(()))
    }
}

fn path() -> Result<(), DerError> {
    let certificates = [Certificate::parse(bytes())?, Certificate::parse(bytes())?];
    let key = PublicKeyInfo::parse(bytes())?;
    keep((PublicKeyInfo::der(&key), PublicKeyInfo::algorithm(&key), PublicKeyInfo::key(&key)));
    let anchors =
        [TrustAnchor::new(Name::parse(bytes())?, key), TrustAnchor::from_certificate(any(certificates[0]))];
    let now = match any(0) {
        0 => Now::Exact(UnixTime::MIN),
        _ => Now::AtLeast(UnixTime::MIN),
    };
    let mut validator = PathValidator::new(any(&[&Any]), now);
    validator.profile = any(Profile::WEB_PKI);
    validator.purpose = any(None);
    validator.path_length = any(None);
    validator.policies.accepted = any(None);
    validator.policies.require_explicit = any(false);
    keep(Profile::has(validator.profile, any(Check::Version)));
    let mut space = WorkSpace::new();
    let [certificate, _] = &certificates;
    match PathValidator::validate(&validator, certificate, any(&certificates), any(&anchors), &mut space) {
        Ok(path) => valid(&path),
        Err(error) => refused(error),
    }
    let accept = |path: &ValidPath<'_, '_>| {
        valid(path);
        any(Ok(()))
    };
    let found =
        PathValidator::validate_with(&validator, certificate, &certificates, &anchors, &mut space, accept);
    keep(found.map(drop));
    crate::crl::check(&validator, certificate, any(&certificates), any(&anchors))?;
    let json = minipki_core::cert::Certificate::parse(bytes());
    if let (Ok(json), Ok(issuer)) = (json, PublicKey::<AllSizes>::from_spki_der(bytes())) {
        let twin = minipki_core::x509::check_twin(bytes(), &json, &issuer, validator.algorithms);
        keep(twin.map_err(say));
    }
    let signed = Signed { algorithm: bytes(), message: bytes(), signature: bytes() };
    keep(Signed::verify(&signed, validator.algorithms, &key));
    Ok(())
}

fn valid(path: &ValidPath<'_, '_>) {
    keep(ValidPath::links(path).last());
    let anchor = ValidPath::anchor(path);
    keep((TrustAnchor::name(anchor), TrustAnchor::public_key(anchor), TrustAnchor::certificate(anchor)));
    keep((ValidPath::time_certain(path), ValidPath::has_any_policy(path), ValidPath::policies(path).last()));
    keep(ValidPath::require_name(path, &any(PeerName::Dns(text()))));
}

fn refused(error: PathError) {
    say(error);
    keep(PathError::check(&error));
}
