//! One question about certificates, and the validators that answer it.

use std::net::IpAddr;
use std::time::Duration;

use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::extension::KeyUsage;
use minipki_core::x509::{
    Certificate, Check, PathError, PathValidator, PeerName, Place, Profile, TrustAnchor, WorkSpace, oid,
};
use minipki_provider::x509::ALL;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509StoreContext};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime as WebPkiTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage as Usage, anchor_from_trusted_cert};

/// Whether a certificate is valid for a server or a client, all in DER.
pub(crate) struct Question {
    pub(crate) leaf: Vec<u8>,
    pub(crate) intermediates: Vec<Vec<u8>>,
    pub(crate) roots: Vec<Vec<u8>>,
    /// In seconds since 1970.
    pub(crate) time: u64,
    pub(crate) is_client: bool,
    /// The uses that the certificate must allow. OpenSSL and rustls-webpki are not asked about them.
    pub(crate) key_usage: KeyUsage,
    /// The expected DNS name or IP address.
    pub(crate) name: Option<String>,
}

/// The answer of a validator: accepted, or the name of the reason.
pub(crate) type Answer = Result<(), String>;

/// The first word of a text, which names the variant of an error.
fn first_word(error: &impl std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// Reads a certificate for the core.
fn read<'a>(der: &'a [u8], place: &str) -> Result<Certificate<'a>, String> {
    Certificate::parse(der).map_err(|error| format!("der-{:?} {place}", error.kind).to_lowercase())
}

const fn place_name(place: Place) -> &'static str {
    match place {
        Place::EndEntity => "leaf",
        Place::Intermediate(_) => "intermediate",
        Place::Anchor(_) => "anchor",
    }
}

impl Question {
    /// The answer of the core: the check that fails and its place, or `der` for a certificate that cannot be read.
    pub(crate) fn core(&self, profile: Profile) -> Answer {
        let leaf = read(&self.leaf, "leaf")?;
        let intermediates: Vec<_> = self.intermediates.iter().map(|der| read(der, "intermediate")).collect();
        let anchors: Vec<_> = self.roots.iter().map(|der| read(der, "anchor")).collect();
        let unread = intermediates.iter().chain(&anchors).find_map(|read| read.as_ref().err()).cloned();
        // A certificate that cannot be read is not used.
        let intermediates: Vec<_> = intermediates.into_iter().flatten().collect();
        let anchors: Vec<_> = anchors.into_iter().flatten().map(TrustAnchor::from_certificate).collect();
        let now = UnixTime::new(self.time).expect("before the year 10000");
        let mut validator = PathValidator::new(&ALL, Now::Exact(now));
        validator.profile = profile;
        validator.purpose = Some(if self.is_client { oid::CLIENT_AUTH } else { oid::SERVER_AUTH });
        validator.key_usage = self.key_usage;
        let mut space = WorkSpace::new();
        let path = validator.validate(&leaf, &intermediates, &anchors, &mut space);
        let verdict = path.and_then(|path| match &self.name {
            None => Ok(()),
            Some(name) => path.require_name(&name.parse().map_or(PeerName::Dns(name), PeerName::Ip)),
        });
        verdict.map_err(|error| match error {
            PathError::Refused { check: Check::Issuer, .. } if unread.is_some() => unread.expect("it is"),
            PathError::Refused { check, place, .. } => format!("{check} {}", place_name(place)),
            PathError::Budget(_) => "budget".to_owned(),
        })
    }

    /// The answer of rustls-webpki: the variant of its error.
    pub(crate) fn webpki(&self) -> Answer {
        let ders = |ders: &[Vec<u8>]| ders.iter().cloned().map(CertificateDer::from).collect::<Vec<_>>();
        let (leaf, intermediates, roots) =
            (CertificateDer::from(self.leaf.clone()), ders(&self.intermediates), ders(&self.roots));
        let anchors: Vec<_> = roots.iter().filter_map(|root| anchor_from_trusted_cert(root).ok()).collect();
        let (time, usage) = (
            WebPkiTime::since_unix_epoch(Duration::from_secs(self.time)),
            if self.is_client { Usage::client_auth() } else { Usage::server_auth() },
        );
        let check = || {
            let leaf = EndEntityCert::try_from(&leaf)?;
            leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &intermediates, time, usage, None, None)?;
            match &self.name {
                None => Ok(()),
                Some(name) => leaf.verify_is_valid_for_subject_name(
                    &ServerName::try_from(name.as_str())
                        .map_err(|_| webpki::Error::MalformedDnsIdentifier)?,
                ),
            }
        };
        check().map_err(|error: webpki::Error| first_word(&error))
    }

    /// The answer of OpenSSL with its strictest settings: the text of its error.
    pub(crate) fn openssl(&self) -> Answer {
        let read = |der: &Vec<u8>| X509::from_der(der).ok();
        let leaf = read(&self.leaf).ok_or("not read")?;
        let mut intermediates = Stack::new().expect("memory");
        self.intermediates.iter().filter_map(read).for_each(|one| intermediates.push(one).expect("memory"));
        let mut parameters = X509VerifyParam::new().expect("memory");
        parameters.set_time(self.time.try_into().expect("a time"));
        parameters.set_flags(X509VerifyFlags::X509_STRICT | X509VerifyFlags::POLICY_CHECK).expect("memory");
        parameters.set_hostflags(X509CheckFlags::NEVER_CHECK_SUBJECT);
        if let Some(name) = &self.name {
            match name.parse::<IpAddr>() {
                Ok(address) => parameters.set_ip(address).expect("memory"),
                Err(_) => parameters.set_host(name).expect("memory"),
            }
        }
        let mut store = X509StoreBuilder::new().expect("memory");
        store.set_param(&parameters).expect("memory");
        let purpose = if self.is_client { X509PurposeId::SSL_CLIENT } else { X509PurposeId::SSL_SERVER };
        store.set_purpose(purpose).expect("a purpose");
        for root in self.roots.iter().filter_map(read) {
            store.add_cert(root).expect("memory");
        }
        let mut context = X509StoreContext::new().expect("memory");
        let verdict = context.init(&store.build(), &leaf, &intermediates, |context| {
            Ok((context.verify_cert()?, context.error().error_string()))
        });
        match verdict {
            Ok((true, _)) => Ok(()),
            Ok((false, reason)) => Err(reason.to_owned()),
            Err(_) => Err("failed".to_owned()),
        }
    }
}
