//! Forgeries from public data: a certificate by a CA of the same name, and texts with one changed byte.

use getrandom::SysRng;
use minipki_core::cert::{Certificate, Id, TbsCertificate, attach_signature};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::x25519::PublicKey;
use minipki_core::limits::CERTIFICATE;
use minipki_core::trust::Serial;
use rand_core::UnwrapErr;

use super::attack_error::AttackError;
use super::relay::Flip;
use minipki_ca::ports::{SignatureAlgorithm, Signer};
use minipki_keys::{NewKey, SignerKind};

/// The text before the subject in a canonical certificate.
const BEFORE_SUBJECT: &[u8] = br#""subject_id":""#;

/// A byte of base64 in message 3: within the encrypted certificate.
const IN_MESSAGE_3: usize = 200;

/// A changed byte.
pub(super) struct Change {
    /// The number of the byte, from 0.
    pub(super) offset: usize,
    /// The character before.
    pub(super) from: char,
    /// The character after.
    pub(super) to: char,
}

/// A CA of the attacker. Its key is never stored.
pub(super) struct FalseCa(Box<dyn Signer>);

impl FalseCa {
    /// Makes the key of the CA.
    pub(super) fn new() -> Result<Self, AttackError> {
        let key = NewKey::generate(KeySize::Bits2048).map_err(AttackError::forgery)?;
        key.signer(SignerKind::Portable).map(Self).map_err(AttackError::forgery)
    }

    /// A certificate for `subject` and `key`. It has the issuer's name and the dates of `genuine`, a certificate of the
    /// true CA.
    pub(super) fn certify(
        &mut self,
        genuine: &Certificate<'_>,
        subject: Id<'_>,
        key: &PublicKey,
    ) -> Result<Vec<u8>, AttackError> {
        let issuer_key = self.0.public_key().clone();
        let fields = TbsCertificate {
            issuer_id: genuine.issuer_id(),
            issuer_key: &issuer_key,
            serial_number: Serial::generate(&mut UnwrapErr(SysRng)),
            subject_id: subject,
            subject_key: *key,
            validity: genuine.validity(),
        };
        let (mut unsigned, mut signed) = ([0; CERTIFICATE], [0; CERTIFICATE]);
        let unsigned = fields.encode(&mut unsigned).map_err(AttackError::forgery)?;
        let signatures = self.0.sign_many(SignatureAlgorithm::RsaPss, &[unsigned]);
        let signatures = signatures.map_err(AttackError::forgery)?;
        let signature = signatures.first().map_or(&[][..], |signature| signature.as_bytes());
        let text = attach_signature(unsigned, signature, &mut signed).map_err(AttackError::forgery)?;
        Ok(text.to_vec())
    }
}

/// Changes one letter or digit in the subject of the certificate `text`, so that another name is in it.
pub(super) fn change_subject(text: &mut [u8]) -> Result<Change, AttackError> {
    let before = text.windows(BEFORE_SUBJECT.len()).position(|window| window == BEFORE_SUBJECT);
    let start = before.map_or(text.len(), |at| at + BEFORE_SUBJECT.len());
    let subject = text.iter().skip(start).take_while(|&&byte| byte != b'"');
    let letter = subject.enumerate().find(|(_, byte)| byte.is_ascii_alphanumeric()).map(|(at, _)| at);
    change(text, letter.map_or(text.len(), |at| start + at))
}

/// Changes one character of the ciphertext in `body`, a message 3.
pub(super) fn change_message_3(body: &mut [u8]) -> Result<Change, AttackError> {
    change(body, IN_MESSAGE_3)
}

fn change(text: &mut [u8], offset: usize) -> Result<Change, AttackError> {
    let byte = text.get_mut(offset).ok_or(AttackError::NoByte)?;
    let from = *byte;
    *byte = Flip { step: 0, offset, mask: None }.apply(from);
    Ok(Change { offset, from: from.into(), to: (*byte).into() })
}
