//! The notes on the ends of the messages of a successful scenario.

use minipki_core::cert::Certificate;
use minipki_core::trust::Revocation;

use super::exchange::ChannelEnd;
use super::{MessageKind, Participant, Step};
use minipki_client::Identity;
use minipki_net::trace::explain::hex;
use minipki_net::trace::printable;

/// The note of the CA on each challenge.
const CHALLENGE: &str = "makes a key pair and a nonce for this request only";

/// Adds notes on both ends to a message of a successful enrolment.
pub(super) fn enrolment(
    step: &mut Step,
    client: Participant,
    identity: &Identity,
    certificate: &Certificate<'_>,
) {
    match step.kind {
        MessageKind::EnrollRequest => {
            let key = hex(identity.key().public().as_bytes());
            let text = format!("makes an X25519 key pair. Public key: {key}. The private key stays here");
            step.note_before(client, text);
        }
        MessageKind::EnrollChallenge => {
            step.note_before(Participant::Ca, CHALLENGE);
        }
        MessageKind::EnrollProof => step.note_before(
            client,
            "computes a shared secret from its private key and the CA's ephemeral key, and derives the proof from it",
        ),
        MessageKind::Granted => {
            let (serial, until) = (certificate.serial_number(), certificate.validity().not_after());
            let (name, pinned) = (identity.subject_id(), identity.anchor().fingerprint());
            step.note_before(
                Participant::Ca,
                format!(
                    "accepts the proof and the name, takes serial number {serial}, signs, and writes the certificate to its ledger before it answers"
                ),
            );
            step.note_after(
                client,
                format!(
                    "verifies: canonical form, the pinned CA {pinned}, its signature, the dates (until {until}), its own name {name} and its own key"
                ),
            );
        }
        _ => {}
    }
}

/// Adds notes on both ends to a message of a successful channel.
pub(super) fn channel(step: &mut Step, alice: &ChannelEnd, bob: &ChannelEnd) {
    let receiver = if step.to == Participant::Alice { alice } else { bob };
    let knows = || {
        format!(
            "knows: this is {}, serial {}. The certificate verifies under the pinned CA and names the key that Noise authenticated",
            receiver.peer, receiver.serial
        )
    };
    match step.kind {
        MessageKind::Handshake1 => {
            step.note_before(Participant::Alice, "makes an ephemeral key pair for this channel only");
        }
        MessageKind::Handshake2 => {
            step.note_before(
                Participant::Bob,
                "makes an ephemeral key pair too. Two key agreements (ee, es) give the key for the rest of this message",
            );
            step.note_after(Participant::Alice, knows());
        }
        MessageKind::Handshake3 => {
            step.note_before(Participant::Alice, "does the third key agreement (se), with its certified key");
            step.note_after(Participant::Bob, knows());
            step.note_after(Participant::Alice, keys(alice));
            step.note_after(Participant::Bob, keys(bob));
        }
        MessageKind::Record(_) => {
            let text = printable(receiver.received.as_deref().unwrap_or("nothing"));
            step.note_after(step.to, format!("reads: {text}"));
        }
        MessageKind::Close(_) => step.note_after(step.to, "knows that no message is missing"),
        _ => {}
    }
}

/// The fingerprints of the keys of one end.
fn keys(end: &ChannelEnd) -> String {
    let shown = |key: Option<[u8; 32]>| key.map_or_else(|| "none".to_owned(), |key| hex(&key[..16]));
    format!(
        "has the keys. Fingerprint of the key for sending: {}; of the key for receiving: {}. Handshake hash: {}",
        shown(end.send_key),
        shown(end.receive_key),
        hex(&end.handshake_hash[..16])
    )
}

/// Adds notes to a message of a successful renewal.
pub(super) fn renewal(step: &mut Step, former: &Identity, renewed: &Identity) {
    match step.kind {
        MessageKind::RenewRequest => {
            let (key, serial) = (hex(renewed.key().public().as_bytes()), former.serial_number());
            step.note_before(
                Participant::Alice,
                format!("makes a new key pair, and asks to replace the certificate {serial}. New public key: {key}"),
            );
        }
        MessageKind::EnrollChallenge => step.note_before(Participant::Ca, CHALLENGE),
        MessageKind::EnrollProof => step.note_before(
            Participant::Alice,
            "derives the proof from two shared secrets: of the present key and of the new key with the CA's ephemeral key",
        ),
        MessageKind::Granted => {
            step.note_before(
                Participant::Ca,
                "checks the proof with the key of the present certificate, which must not be revoked",
            );
            let until = renewed.validity().not_after();
            step.note_after(
                Participant::Alice,
                format!("has a certificate for the new key, valid until {until}. The former one stays valid until its end"),
            );
        }
        _ => {}
    }
}

/// Adds notes to a message of a successful revocation, and of the request for the status after it.
pub(super) fn revocation(step: &mut Step, revocation: &Revocation) {
    let Revocation { reason, revoked_at } = revocation;
    match step.kind {
        MessageKind::RevokeRequest => {
            step.note_before(
                Participant::Bob,
                format!("wants the CA to revoke the certificate, for {reason}"),
            );
        }
        MessageKind::EnrollChallenge => step.note_before(Participant::Ca, CHALLENGE),
        MessageKind::EnrollProof => step.note_before(
            Participant::Bob,
            "proves the key of the certificate, so that nobody else can revoke it",
        ),
        MessageKind::Revoked => {
            step.note_before(Participant::Ca, "writes the revocation to its ledger before it answers");
            step.note_after(Participant::Bob, "does not trust this answer yet: it has no signature");
        }
        MessageKind::StatusRequest => {
            step.note_before(Participant::Bob, "asks for a signed statement, with a nonce so that it is new");
        }
        MessageKind::Status => {
            step.note_before(Participant::Ca, "signs the status, with the nonce and its revocation number");
            step.note_after(
                Participant::Bob,
                format!("verifies the signature, the serial number and the nonce: revoked at {revoked_at}"),
            );
        }
        _ => {}
    }
}

/// Adds notes to a message of the request for the changes of the CA's key.
pub(super) fn anchors(step: &mut Step, changed: bool) {
    match step.kind {
        MessageKind::AnchorsRequest => {
            step.note_before(Participant::Alice, "asks whether the CA has changed its key since");
        }
        MessageKind::Anchors => {
            step.note_before(Participant::Ca, "sends each change of its key, signed by the key before it");
            let found = if changed { "follows the change" } else { "has the present key of the CA already" };
            step.note_after(Participant::Alice, found);
        }
        _ => {}
    }
}
