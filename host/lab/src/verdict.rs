//! Who refused a changed byte, and by which check.

use minipki_core::limits::FRAME_HEADER;
use minipki_core::session;

use super::scenes::{End, Met};
use super::{Flip, Step, StoryError, Who};
use minipki_client::{ClientError, Identity};
use minipki_net::trace::{places, reading};

/// How a story ended in which one byte was changed.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The change.
    pub flip: Flip,
    /// What the byte belongs to.
    pub field: String,
    /// The byte as it was sent.
    pub sent: u8,
    /// The byte as it arrived.
    pub arrived: u8,
    /// Whose check refused it.
    pub by: Who,
    /// What that check says: the error itself.
    pub check: String,
    /// The code that the other side was sent, if it was sent one.
    pub code: Option<String>,
    /// What the other side makes of it.
    pub other: Option<(Who, String)>,
    /// What travelled, from the changed message on, as it was sent.
    pub travelled: Vec<Step>,
}

/// Who found what.
pub(super) struct Finding {
    by: Who,
    check: String,
    other: Option<(Who, String)>,
}

impl Refusal {
    /// Puts together what became of `flip`; `travelled` are the messages of its scene, of which
    /// `changed` is the one that it hit.
    ///
    /// # Errors
    /// [`StoryError::NoSuchByte`] if it hit nothing, [`StoryError::Unnoticed`] if there is no finding.
    pub(super) fn new(
        flip: Flip,
        finding: Option<Finding>,
        mut travelled: Vec<Step>,
        changed: usize,
    ) -> Result<Self, StoryError> {
        let missing = StoryError::NoSuchByte { step: flip.step, offset: flip.offset };
        if changed >= travelled.len() {
            return Err(missing);
        }
        travelled.drain(..changed);
        let Some(first) = travelled.first() else { return Err(missing) };
        let Some(&sent) = first.frame.get(flip.offset) else { return Err(missing) };
        let code = travelled.iter().find_map(|step| {
            let refused = reading::message(step.body()).ok().filter(|reading| reading.name == "refused")?;
            refused.fields.get("code")?.as_str().map(str::to_owned)
        });
        let unnoticed = StoryError::Unnoticed { step: flip.step, offset: flip.offset };
        let Finding { by, check, other } = finding.ok_or(unnoticed)?;
        let (field, arrived) = (field(first, flip.offset), flip.apply(sent));
        Ok(Self { flip, field, sent, arrived, by, check, code, other, travelled })
    }
}

/// What byte `offset` of a step's frame belongs to.
fn field(step: &Step, offset: usize) -> String {
    let Some(offset) = offset.checked_sub(FRAME_HEADER) else { return "length prefix".to_owned() };
    let places = match step.record {
        Some(_) => places::record(step.body()),
        None => places::message(step.body()),
    };
    let around: Vec<&str> =
        places.iter().filter(|place| place.at.contains(&offset)).map(|place| place.name.as_str()).collect();
    if around.is_empty() { "JSON around the fields".to_owned() } else { around.join(".") }
}

/// Who refused in an enrolment of `client`; `None` if nobody did.
pub(super) fn of_enrolment(client: Who, outcome: Result<Identity, ClientError>) -> Option<Finding> {
    let error = outcome.err()?;
    Some(match &error {
        ClientError::Refused { text, .. } => {
            Finding { by: Who::Ca, check: text.clone(), other: Some((client, error.to_string())) }
        }
        error => Finding { by: client, check: check(error), other: None },
    })
}

/// Who refused in a channel of which a message to `receiver` was changed; `None` if nobody did.
pub(super) fn of_channel(receiver: Who, (alice, bob): Met) -> Option<Finding> {
    let failed = |who, end: Result<End, ClientError>| end.err().map(|error| (who, error));
    match (failed(Who::Alice, alice), failed(Who::Bob, bob)) {
        (None, None) => None,
        (Some((by, error)), None) | (None, Some((by, error))) => {
            Some(Finding { by, check: check(&error), other: None })
        }
        (Some(alice), Some(bob)) => {
            // One found something wrong, the other was told, or cut off. Where both only waited,
            // it was for the rest of the message that was changed.
            let by_alice = match (finds(&alice.1), finds(&bob.1)) {
                (true, false) => true,
                (false, true) => false,
                _ => receiver == Who::Alice,
            };
            let ((by, error), other) = if by_alice { (alice, bob) } else { (bob, alice) };
            Some(Finding { by, check: check(&error), other: Some((other.0, check(&other.1))) })
        }
    }
}

/// Whether the error is a check of one's own, and not word or silence from the other side.
fn finds(error: &ClientError) -> bool {
    error.session_error().is_some_and(|error| error.code().is_some())
}

/// The check itself, without whom it was done for.
fn check(error: &ClientError) -> String {
    match error {
        ClientError::Exchange { source, .. } => source.to_string(),
        error => error.session_error().as_ref().map_or_else(|| error.to_string(), session::Error::to_string),
    }
}
