//! The key that has signed a CRL, and the path of its certificate (RFC 5280 §6.3.3 (f), (g)).

use core::slice;

use super::checker::{Status, Stop, spend_signature};
use super::{Crl, CrlCheck, CrlChecker, RevocationError};
use crate::x509::extension::{KeyUsage, SubjectKeyId};
use crate::x509::{
    Budget, Certificate, Check, Comparison, Limit, Name, PathError, PolicyInputs, Profile, PublicKeyInfo,
    WorkSpace,
};

/// The part of the budget that the path of one CRL issuer may use up.
const SHARE: u32 = 4;

impl<'a> CrlChecker<'_, 'a> {
    /// Finds the key that has signed the CRL, and may do so.
    ///
    /// The keys above the certificate in the path are accepted: their certificates were checked before. A key below it is
    /// not, because the certificate would vouch for itself. A key of another certificate needs a valid path from the same
    /// trust anchor, whose certificates are not revoked.
    pub(super) fn find_signer(
        &self,
        crl: &Crl<'a>,
        status: &Status<'_, '_, 'a>,
        spaces: &mut [WorkSpace<'a>],
        budget: &mut Budget,
    ) -> Result<&'a PublicKeyInfo<'a>, Stop> {
        let mut failed = CrlCheck::Issuer;
        let anchor = status.path.anchor();
        let anchor = (anchor.name(), anchor.public_key(), anchor.certificate());
        let above = status.path.links().skip(status.above.saturating_add(1)).map(|link| of(link.certificate));
        let own = status.own.filter(|own| own.der() == status.link.certificate.der()).map(of);
        for candidate in above.chain([anchor]).chain(own) {
            match self.check_signer(crl, candidate, budget)? {
                Ok(key) => return Ok(key),
                Err(check) => failed = failed.max(check),
            }
        }
        for certificate in self.issuers {
            match self.check_signer(crl, of(certificate), budget)? {
                Ok(key) => {
                    match self.check_signer_path(certificate, status, spaces, budget)? {
                        Ok(()) => return Ok(key),
                        Err(check) => failed = failed.max(check),
                    };
                }
                Err(check) => failed = failed.max(check),
            }
        }
        Err(failed.into())
    }

    /// Checks that a candidate has the name of the CRL's issuer, may sign CRLs, and has signed this one.
    fn check_signer(
        &self,
        crl: &Crl<'a>,
        (name, key, certificate): Candidate<'a>,
        budget: &mut Budget,
    ) -> Result<Result<&'a PublicKeyInfo<'a>, CrlCheck>, RevocationError> {
        budget.spend_comparisons(1).map_err(|_| RevocationError::Budget(Limit::Comparisons))?;
        if name.compare(crl.issuer()) != Comparison::Same {
            return Ok(Err(CrlCheck::Issuer));
        }
        if let Some(certificate) = certificate {
            // The extensions were read before, without an error.
            let named = crl.authority_key().and_then(|authority| authority.key_id);
            if let (Some(named), Ok(Some(own))) = (named, certificate.extension::<SubjectKeyId<'_>>())
                && named != own.value.0
            {
                return Ok(Err(CrlCheck::IssuerKey));
            }
            if let Ok(Some(usage)) = certificate.extension::<KeyUsage>()
                && !usage.value.contains(KeyUsage::CRL_SIGN)
            {
                return Ok(Err(CrlCheck::KeyUsage));
            }
        }
        spend_signature(budget)?;
        Ok(match crl.signed().verify(self.validator.algorithms, key) {
            Ok(()) => Ok(key),
            Err(Check::SignatureAlgorithm) => Err(CrlCheck::SignatureAlgorithm),
            Err(Check::IssuerKey) => Err(CrlCheck::IssuerKey),
            Err(_) => Err(CrlCheck::Signature),
        })
    }

    /// Validates the path of a CRL issuer, and checks that none of its certificates is revoked.
    fn check_signer_path(
        &self,
        certificate: &'a Certificate<'a>,
        status: &Status<'_, '_, 'a>,
        spaces: &mut [WorkSpace<'a>],
        budget: &mut Budget,
    ) -> Result<Result<(), CrlCheck>, RevocationError> {
        let Some((space, spaces)) = spaces.split_first_mut() else { return Ok(Err(CrlCheck::IssuerPath)) };
        let mut validator = self.validator;
        (validator.purpose, validator.key_usage, validator.path_length) = (None, KeyUsage::CRL_SIGN, None);
        validator.policies = PolicyInputs {
            accepted: None,
            require_explicit: false,
            inhibit_mapping: false,
            inhibit_any: false,
        };
        if validator.profile.has(Check::ServerPurpose) {
            // The rules for servers are not for CRL issuers.
            validator.profile = Profile::RFC5280;
        }
        // The search takes its share, whether it needs it or not: so the whole work has a limit.
        validator.budget.signatures = budget.signatures / SHARE;
        validator.budget.comparisons = budget.comparisons / SHARE;
        budget.signatures -= validator.budget.signatures;
        budget.comparisons -= validator.budget.comparisons;
        let anchor = slice::from_ref(status.path.anchor());
        let found = validator.validate_with(certificate, self.issuers, anchor, space, |path| {
            self.check_path(path, Some(certificate), spaces, budget).map(drop).map_err(PathError::from)
        });
        match found {
            Ok(_) => Ok(Ok(())),
            Err(PathError::Refused { .. }) => Ok(Err(CrlCheck::IssuerPath)),
            Err(PathError::Budget(limit)) => Err(RevocationError::Budget(limit)),
        }
    }
}

/// A name with its key, and the certificate that joins them.
type Candidate<'a> = (&'a Name<'a>, &'a PublicKeyInfo<'a>, Option<&'a Certificate<'a>>);

fn of<'a>(certificate: &'a Certificate<'a>) -> Candidate<'a> {
    (certificate.subject(), certificate.public_key(), Some(certificate))
}
