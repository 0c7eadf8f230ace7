//! Enrolment: the device's key certified by the CA (protocol §4, the proven form).

use minipki_core::bytes::Secret;
use minipki_core::cert::Anchor;
use minipki_core::crypto::{Hash, KeyPair};
use minipki_core::drive::drive;
use minipki_core::link::{Link, Misuse};
use minipki_core::session::{self, EnrolClient, EnrolForm, EnrolOutcome, Enrolment};
use minipki_core::time::Now;

use crate::board::{Board, Sizes, Stream};
use crate::config::Config;
use crate::exit::Exit;

/// A verified certificate of the device's key, from its CA.
pub(crate) struct Issued {
    /// The length in bytes.
    pub(crate) len: usize,
    /// Whether it differs from the earlier certificate.
    pub(crate) new: bool,
    /// The reason why it is not valid by the device's clock. The device keeps it anyway.
    pub(crate) out_of_time: Option<Exit>,
}

/// Requests a certificate for `key`, and copies it to the start of `certificate`.
///
/// # Errors
/// The reason why there is no certificate.
#[inline(never)] // So that its frame leaves the stack before the next phase.
pub(crate) fn enrol<B: Board>(
    config: &Config<'_, B::Address>,
    anchor: &Anchor<Sizes<B>>,
    key: &KeyPair<B::Crypto>,
    now: Now,
    (rx, tx): (&mut [u8], &mut [u8]),
    certificate: &mut [u8],
    board: &mut B,
) -> Result<Issued, Exit> {
    let token = config.token.map(|token| Secret::new(board.crypto().sha256(&[token.0.as_bytes()])));
    let form = EnrolForm::Proven { token };
    let enrolment = Enrolment { subject_id: config.subject.into(), key, anchor, now, form };
    let mut link = Link::new(EnrolClient::new(enrolment, board.entropy()), rx, tx);

    let mut stream = board.connect(config.ca, config.deadline).map_err(Exit::ca_not_connected)?;
    let driven = drive(&mut link, &mut stream);
    stream.close();
    let issued = driven.and_then(|_| match link.event() {
        Some(EnrolOutcome::Issued(range)) => Ok((range, None)),
        Some(EnrolOutcome::OutOfTime { certificate, error }) => Ok((certificate, Some(error))),
        Some(EnrolOutcome::Refused { code, text }) => {
            let reason = link.body().get(text).and_then(|text| str::from_utf8(text).ok());
            board.report(format_args!("the CA refused ({code}): {}", reason.unwrap_or_default()));
            Err(session::Error::Refused(code).into())
        }
        None => Err(session::Error::from(Misuse::OutOfTurn).into()),
    });
    let (range, error) = issued.map_err(Exit::at_ca)?;
    let text = link.body().get(range).unwrap_or_default();
    // Never too long: `limits::CERTIFICATE` holds any certificate that verifies.
    let place = certificate.get_mut(..text.len()).ok_or(Exit::CertificateRefused)?;
    let new = place != text;
    place.copy_from_slice(text);
    Ok(Issued { len: text.len(), new, out_of_time: error.map(Exit::of_certificate) })
}
