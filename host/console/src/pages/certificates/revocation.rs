//! The part of a certificate's page about its revocation: the present state, the history, and the forms to change it.

use askama::Template;
use minipki_core::time::UnixTime;
use minipki_core::trust::{RevocationReason, Serial};

use crate::shell::form::Mistake;
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::Visitor;
use minipki_ca::ports::{CertificateFormat, CertificateRecord, RevocationRecord};
use minipki_os::Failure;

/// The reasons for an end of a certificate, with their words.
pub(super) const REASONS: [(RevocationReason, &str); 6] = [
    (RevocationReason::KeyCompromise, "Somebody else has the key, or may have it"),
    (RevocationReason::CessationOfOperation, "The certificate is not needed any more"),
    (RevocationReason::Superseded, "Another certificate replaces this one"),
    (RevocationReason::AffiliationChanged, "The name of the subject is not true any more"),
    (RevocationReason::PrivilegeWithdrawn, "The subject has lost a right"),
    (RevocationReason::Unspecified, "No reason given"),
];

/// The words for a change.
pub(super) fn words(reason: RevocationReason) -> &'static str {
    match reason {
        RevocationReason::CertificateHold => "Put on hold",
        RevocationReason::RemoveFromHold => "Hold removed",
        reason => REASONS.iter().find(|row| row.0 == reason).map_or("", |row| row.1),
    }
}

/// A notice about the revocation of a certificate.
pub(super) enum Notice {
    /// The user has made a change, which has this revocation number.
    Made {
        number: u64,
        /// The change was made before, and nothing was changed now.
        repeated: bool,
    },
    /// A change was refused.
    Refused(Failure),
    /// The form has a mistake. It keeps its input.
    Mistaken { reason: String, mistake: Mistake },
}

/// The part of a certificate's page about its revocation.
#[derive(Template)]
#[template(path = "revocation.html")]
pub(super) struct RevocationCard {
    csrf: String,
    serial: Serial,
    /// The name that a revocation makes free: the subject of a JSON certificate.
    name: Option<String>,
    present: Present,
    /// All changes, the first one first.
    history: Vec<Change>,
    done: Option<String>,
    refused: Option<Failure>,
    /// The input of the form, and the mistake in it.
    reason: String,
    mistake: Option<Mistake>,
}

/// The present revocation.
enum Present {
    None,
    Held,
    Revoked,
}

/// A change of the revocation.
struct Change {
    number: u64,
    time: RelativeTime,
    reason: RevocationReason,
    words: &'static str,
    actor: String,
}

impl RevocationCard {
    /// The part about the certificate `record`, whose revocation has this `history`.
    pub(super) fn new(
        record: &CertificateRecord,
        history: &[RevocationRecord],
        notice: Option<Notice>,
        visitor: &Visitor,
        now: UnixTime,
    ) -> Self {
        let (mut done, mut refused, mut mistake, mut reason) = (None, None, None, String::new());
        match notice {
            None => {}
            Some(Notice::Made { number, repeated }) => done = made(history, number, repeated),
            Some(Notice::Refused(failure)) => refused = Some(failure),
            Some(Notice::Mistaken { reason: input, mistake: found }) => {
                (reason, mistake) = (input, Some(found));
            }
        }
        let change = |change: &RevocationRecord| Change {
            number: change.number,
            time: RelativeTime::new(change.time, now),
            reason: change.reason,
            words: words(change.reason),
            actor: change.actor.clone(),
        };
        Self {
            csrf: visitor.csrf().to_owned(),
            serial: record.serial,
            name: (record.format == CertificateFormat::Json).then(|| record.subject_id.to_string()),
            present: match record.revocation.map(|revocation| revocation.reason) {
                None => Present::None,
                Some(RevocationReason::CertificateHold) => Present::Held,
                Some(_) => Present::Revoked,
            },
            history: history.iter().map(change).collect(),
            done,
            refused,
            reason,
            mistake,
        }
    }

    /// The change that has led to the present state, unless the certificate was never changed.
    fn newest(&self) -> Option<&Change> {
        self.history.last()
    }

    /// The mistake in the field `name`.
    fn mistake(&self, name: &str) -> Option<&str> {
        self.mistake.as_ref()?.at(name)
    }

    /// Whether the form had this reason.
    fn is_chosen(&self, reason: &RevocationReason) -> bool {
        self.reason == reason.to_string()
    }

    const fn can_be_revoked(&self) -> bool {
        matches!(self.present, Present::None | Present::Held)
    }

    const fn reasons(&self) -> &'static [(RevocationReason, &'static str)] {
        &REASONS
    }
}

/// The text about the change with this revocation number. `None` if the certificate has no such change, or a later one:
/// then the text would not be true.
fn made(history: &[RevocationRecord], number: u64, repeated: bool) -> Option<String> {
    let newest = history.last().filter(|newest| newest.number == number)?;
    let state = match newest.reason {
        RevocationReason::CertificateHold => "is on hold",
        RevocationReason::RemoveFromHold => "is not on hold any more",
        _ => "is revoked",
    };
    Some(if repeated {
        let since = RelativeTime::new(newest.time, newest.time).utc();
        format!("Nothing was changed: the certificate {state} since {since} UTC.")
    } else {
        format!("Done: the certificate {state}. The next status that the CA signs says so.")
    })
}
