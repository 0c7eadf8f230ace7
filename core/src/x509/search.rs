//! The search of a path in a pool of certificates, depth first.
//!
//! A step up costs comparisons of names. The signatures are verified when a path has reached a trust anchor, from the
//! anchor down: a path that leads nowhere costs no signature.

use super::error::Failed;
use super::extension::{AuthorityKeyId, SubjectKeyId};
use super::path::{Path, Step};
use super::{
    Budget, Certificate, Check, Comparison, Limit, Name, PathError, PathValidator, Place, TrustAnchor,
    ValidPath, WorkSpace, rules,
};
use crate::limits::X509_PATH;

/// A trust anchor and its place.
#[derive(Clone, Copy)]
pub(super) struct FoundAnchor<'a> {
    anchor: &'a TrustAnchor<'a>,
    place: Place,
}

impl<'a> FoundAnchor<'a> {
    pub(super) const fn path<'p>(self, steps: &'p [Step<'a>]) -> Path<'p, 'a> {
        Path { steps, anchor: self.anchor, anchor_place: self.place }
    }
}

/// A function of the caller that accepts or refuses a valid path.
type Accept<'f, 'a> = dyn FnMut(&ValidPath<'_, 'a>) -> Result<(), PathError> + 'f;

/// How far a path came before its error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    /// It has no issuer for its last certificate.
    Unfinished,
    /// A possible issuer did not pass the checks of one certificate.
    Candidate,
    /// It reached a trust anchor.
    Complete(Check),
}

/// A certificate that may be the issuer of the last one of the path.
enum Candidate<'a> {
    /// There is no other candidate.
    End,
    /// This one has another name, or its turn comes later.
    No,
    Anchor(FoundAnchor<'a>),
    Intermediate(Step<'a>),
}

pub(super) struct Search<'s, 'v, 'a> {
    validator: &'s PathValidator<'v>,
    intermediates: &'a [Certificate<'a>],
    anchors: &'a [TrustAnchor<'a>],
    budget: Budget,
    /// The error of the path that came farthest.
    error: (Progress, PathError),
    /// Whether a path ended because of its length.
    too_long: bool,
}

impl<'s, 'v, 'a> Search<'s, 'v, 'a> {
    pub(super) const fn new(
        validator: &'s PathValidator<'v>,
        intermediates: &'a [Certificate<'a>],
        anchors: &'a [TrustAnchor<'a>],
    ) -> Self {
        let error = PathError::Refused { check: Check::Issuer, place: Place::EndEntity, at: None };
        let error = (Progress::Unfinished, error);
        Self { validator, intermediates, anchors, budget: validator.budget, error, too_long: false }
    }

    /// Leaves the path in `space` and returns its anchor, and whether all certificates are known to be valid now.
    pub(super) fn run(
        &mut self,
        certificate: &'a Certificate<'a>,
        space: &mut WorkSpace<'a>,
        accept: &mut Accept<'_, 'a>,
    ) -> Result<(FoundAnchor<'a>, bool), PathError> {
        space.steps.clear();
        space.next.clear();
        self.check_alone(certificate, Place::EndEntity)??;
        self.push(Step { certificate, place: Place::EndEntity }, space);
        while let (Some(step), Some(next)) = (space.steps.last().copied(), space.next.last_mut()) {
            let turn = *next;
            *next = turn.saturating_add(1);
            match self.candidate(&step, turn)? {
                Candidate::No => {}
                Candidate::End => {
                    space.steps.pop();
                    space.next.pop();
                }
                Candidate::Anchor(found) => match self.complete(found, space, accept) {
                    Ok(certain) => return Ok((found, certain)),
                    Err(error) => self.note(Progress::Complete, error)?,
                },
                Candidate::Intermediate(step) => self.step_up(step, space)?,
            }
        }
        match self.error {
            (Progress::Unfinished, _) if self.too_long => Err(PathError::Budget(Limit::Depth)),
            (_, error) => Err(error),
        }
    }

    /// The candidate of this turn for the issuer of `step`: the trust anchors come first, then the intermediates with
    /// the key identifier that `step` names, then the others.
    fn candidate(&mut self, step: &Step<'a>, turn: usize) -> Result<Candidate<'a>, PathError> {
        let issuer = step.certificate.issuer();
        if let Some(anchor) = self.anchors.get(turn) {
            let is_issuer = self.is_same(issuer, anchor.name())?;
            let found = FoundAnchor { anchor, place: Place::Anchor(turn) };
            return Ok(if is_issuer { Candidate::Anchor(found) } else { Candidate::No });
        }
        let turn = turn.saturating_sub(self.anchors.len());
        let first_round = turn < self.intermediates.len();
        let at = if first_round { turn } else { turn.saturating_sub(self.intermediates.len()) };
        let Some(certificate) = self.intermediates.get(at) else { return Ok(Candidate::End) };
        if !self.is_same(issuer, certificate.subject())?
            || self.names_key(step.certificate, certificate)? != first_round
        {
            return Ok(Candidate::No);
        }
        Ok(Candidate::Intermediate(Step { certificate, place: Place::Intermediate(at) }))
    }

    /// Adds an intermediate to the path, unless it is there already or does not pass the checks of one certificate.
    fn step_up(&mut self, step: Step<'a>, space: &mut WorkSpace<'a>) -> Result<(), PathError> {
        // A CA that occurs twice is a detour, also in another certificate of the same name and key.
        self.budget.spend_comparisons(space.steps.len())?;
        for Step { certificate: other, .. } in &space.steps {
            if other.public_key().der() == step.certificate.public_key().der()
                && self.is_same(other.subject(), step.certificate.subject())?
            {
                return Ok(());
            }
        }
        if space.steps.len() >= self.validator.budget.depth.min(X509_PATH) {
            self.too_long = true;
            return Ok(());
        }
        match self.check_alone(step.certificate, step.place)? {
            Ok(()) => self.push(step, space),
            Err(error) => self.note(|_| Progress::Candidate, error)?,
        }
        Ok(())
    }

    fn push(&mut self, step: Step<'a>, space: &mut WorkSpace<'a>) {
        if space.steps.push(step).is_err() || space.next.push(0).is_err() {
            self.too_long = true;
        }
        if self.error.0 == Progress::Unfinished {
            self.error.1 = PathError::Refused { check: Check::Issuer, place: step.place, at: None };
        }
    }

    /// Checks a certificate without the others. The outer error is about the budget.
    fn check_alone(
        &mut self,
        certificate: &Certificate<'a>,
        place: Place,
    ) -> Result<Result<(), PathError>, PathError> {
        self.budget.spend_reading(certificate.der().len())?;
        let checked = rules::check_certificate(certificate, place, self.validator.profile);
        Ok(checked.map_err(|failed: Failed| failed.in_place(place)))
    }

    /// Validates a path that has reached an anchor.
    fn complete(
        &mut self,
        found: FoundAnchor<'a>,
        space: &mut WorkSpace<'a>,
        accept: &mut Accept<'_, 'a>,
    ) -> Result<bool, PathError> {
        if let Some(certificate) = found.anchor.certificate() {
            self.check_alone(certificate, found.place)??;
        }
        let path = found.path(&space.steps);
        let certain = path.validate(self.validator, &mut space.policies, &mut self.budget)?;
        accept(&ValidPath::new(&path, &space.policies, certain))?;
        Ok(certain)
    }

    /// Keeps the error of the path that came farthest. An error about the budget ends the search.
    fn note(&mut self, progress: impl FnOnce(Check) -> Progress, error: PathError) -> Result<(), PathError> {
        let PathError::Refused { check, .. } = error else { return Err(error) };
        let progress = progress(check);
        if progress > self.error.0 {
            self.error = (progress, error);
        }
        Ok(())
    }

    fn is_same(&mut self, a: &Name<'_>, b: &Name<'_>) -> Result<bool, PathError> {
        self.budget.spend_reading(a.contents().len().saturating_add(b.contents().len()))?;
        Ok(a.compare(b) == Comparison::Same)
    }

    /// Returns whether `certificate` names the key of `issuer` by its identifier (RFC 5280 §4.2.1.1).
    fn names_key(
        &mut self,
        certificate: &Certificate<'_>,
        issuer: &Certificate<'_>,
    ) -> Result<bool, PathError> {
        self.budget.spend_reading(certificate.der().len().saturating_add(issuer.der().len()))?;
        let authority = certificate.extension::<AuthorityKeyId<'_>>().ok().flatten();
        let authority = authority.and_then(|found| found.value.key_id);
        let subject = issuer.extension::<SubjectKeyId<'_>>().ok().flatten().map(|found| found.value.0);
        Ok(authority.is_some() && authority == subject)
    }
}
