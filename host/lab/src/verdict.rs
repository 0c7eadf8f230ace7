//! The result of a changed byte: the participant that refused it, and the failed check.

use minipki_core::cert;
use minipki_core::limits::FRAME_HEADER;
use minipki_core::session;

use super::exchange::{ChannelEnd, ChannelEnds};
use super::reason::Reason;
use super::{Flip, MessageKind, Participant, ScenarioError, Step};
use minipki_client::ClientError;
use minipki_net::trace::{places, reading};

/// The outcome of an exchange in which one byte was changed.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The change.
    pub flip: Flip,
    /// The field that the byte belongs to.
    pub field: String,
    /// The byte as it was sent.
    pub sent: u8,
    /// The byte as it arrived.
    pub arrived: u8,
    /// The participant whose check refused it.
    pub by: Participant,
    /// The text of that check's error.
    pub check: String,
    /// The code in the refusal to the other side, if one was sent.
    pub code: Option<String>,
    /// The values that show why the check failed.
    pub reason: Reason,
    /// The other side, and its error.
    pub other: Option<(Participant, String)>,
    /// The messages from the changed one on, as they were sent.
    pub travelled: Vec<Step>,
}

/// The participant that refused, its failed check, and the error of the other side.
pub(super) struct Finding {
    by: Participant,
    check: String,
    /// Whether the check is that of a signature of the CA.
    is_of_signature: bool,
    other: Option<(Participant, String)>,
}

impl Finding {
    /// The check of `by` itself that gave `error`.
    fn new(by: Participant, error: &ClientError, other: Option<(Participant, String)>) -> Self {
        let is_of_signature = matches!(
            error.session_error(),
            Some(session::Error::InvalidCertificate(
                cert::Error::Signature(_) | cert::Error::StatusSignature(_)
            ))
        );
        Self { by, check: check(error), is_of_signature, other }
    }
}

impl Refusal {
    /// The outcome of `flip`. `travelled` are the messages of the exchange, and `changed` is the number of the changed
    /// one.
    ///
    /// # Errors
    /// [`ScenarioError::NoSuchByte`] if no byte was changed, [`ScenarioError::Unnoticed`] if there is no finding.
    pub(super) fn new(
        flip: Flip,
        finding: Option<Finding>,
        mut travelled: Vec<Step>,
        changed: usize,
    ) -> Result<Self, ScenarioError> {
        let missing = ScenarioError::NoSuchByte { step: flip.step, offset: flip.offset };
        let Some(first) = travelled.get(changed) else { return Err(missing) };
        let Some(&sent) = first.frame.get(flip.offset) else { return Err(missing) };
        let refused = travelled.iter().skip(changed).find(|step| step.kind == MessageKind::Refused);
        let code = refused.and_then(|step| {
            let refused = reading::message(step.body()).ok()?;
            refused.fields.get("code")?.as_str().map(str::to_owned)
        });
        let unnoticed = ScenarioError::Unnoticed { step: flip.step, offset: flip.offset };
        let Finding { by, check, is_of_signature, other } = finding.ok_or(unnoticed)?;
        let (field, arrived) = (field(first, flip.offset), flip.apply(sent));
        let reason = Reason::of(&travelled, changed, flip, is_of_signature, code.as_deref());
        travelled.drain(..changed);
        Ok(Self { flip, field, sent, arrived, by, check, code, reason, other, travelled })
    }
}

/// The field that byte `offset` of a step's frame belongs to.
fn field(step: &Step, offset: usize) -> String {
    let Some(offset) = offset.checked_sub(FRAME_HEADER) else { return "length prefix".to_owned() };
    let places = match step.kind.record() {
        Some(_) => places::record(step.body()),
        None => places::message(step.body()),
    };
    let around: Vec<&str> =
        places.iter().filter(|place| place.at.contains(&offset)).map(|place| place.name.as_str()).collect();
    if around.is_empty() { "JSON around the fields".to_owned() } else { around.join(".") }
}

/// The finding in requests of `client` to the CA; `None` if nobody refused.
pub(super) fn of_requests<T>(client: Participant, outcome: Result<T, ClientError>) -> Option<Finding> {
    let error = outcome.err()?;
    Some(match &error {
        ClientError::Refused { text, .. } => Finding {
            by: Participant::Ca,
            check: text.clone(),
            is_of_signature: false,
            other: Some((client, error.to_string())),
        },
        error => Finding::new(client, error, None),
    })
}

/// The finding in a channel in which a message to `receiver` was changed; `None` if nobody refused.
pub(super) fn of_channel(receiver: Participant, (alice, bob): ChannelEnds) -> Option<Finding> {
    let failed = |by, end: Result<ChannelEnd, ClientError>| end.err().map(|error| (by, error));
    match (failed(Participant::Alice, alice), failed(Participant::Bob, bob)) {
        (None, None) => None,
        (Some((by, error)), None) | (None, Some((by, error))) => Some(Finding::new(by, &error, None)),
        (Some(alice), Some(bob)) => {
            // One end found an error, and the other end was refused or disconnected. If both ends only waited, the
            // receiver waited for the rest of the changed message.
            let by_alice = match (is_own_check(&alice.1), is_own_check(&bob.1)) {
                (true, false) => true,
                (false, true) => false,
                _ => receiver == Participant::Alice,
            };
            let ((by, error), other) = if by_alice { (alice, bob) } else { (bob, alice) };
            Some(Finding::new(by, &error, Some((other.0, check(&other.1)))))
        }
    }
}

/// Whether the error comes from a check of this end, and not from a refusal or the silence of the other end.
fn is_own_check(error: &ClientError) -> bool {
    error.session_error().is_some_and(|error| error.code().is_some())
}

/// The text of the check itself, without the name of the other side.
pub(super) fn check(error: &ClientError) -> String {
    match error {
        ClientError::Exchange { source, .. } => source.to_string(),
        error => error.session_error().as_ref().map_or_else(|| error.to_string(), session::Error::to_string),
    }
}
