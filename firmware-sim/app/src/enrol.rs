//! The exchanges with the CA: a certificate for a key, by enrolment or by renewal (protocol §4, §7).

use core::time::Duration;

use minipki_core::cert::Certificate;
use minipki_core::crypto::KeyPair;
use minipki_core::drive::drive;
use minipki_core::limits::CERTIFICATE;
use minipki_core::link::Link;
use minipki_core::session::{CaClient, CaRequest, EnrolForm, EnrolOutcome, Enrolment};
use minipki_core::wire::Code;

use crate::board::{Board, Record, Stream};
use crate::ca::Ca;
use crate::channel::Buffers;
use crate::clock::Age;
use crate::config::Config;
use crate::exit::Exit;
use crate::identity::Present;

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
/// A renewal names the certificate that it `renews`. The new one must be another, and not an earlier one. It does not
/// replace a valid one if it is not valid itself.
///
/// # Errors
/// The reason why there is no certificate. Then `certificate` is unchanged.
#[inline(never)] // So that its frame leaves the stack before the next phase.
pub(crate) fn enrol<B: Board>(
    config: &Config<'_, B::Address>,
    ca: &Ca<B>,
    key: &KeyPair<B::Crypto>,
    (form, renews): (EnrolForm<'_, B::Crypto>, Option<&Present>),
    buffers: Buffers<'_>,
    certificate: &mut [u8],
    board: &mut B,
) -> Result<Issued, Exit> {
    let (anchor, now) = (&ca.anchor, ca.now(board));
    let enrolment = Enrolment { subject_id: config.subject.into(), key, anchor, now, form };
    let (link, outcome) = ask(config, enrolment, config.deadline, buffers, board)?;
    let (range, error) = match outcome {
        EnrolOutcome::Issued(range) => (range, None),
        EnrolOutcome::OutOfTime { certificate, error } => (certificate, Some(Exit::of_certificate(error))),
        EnrolOutcome::Refused { code, text } => return Err(refused(code, link.body().get(text), board)),
    };
    let text = link.body().get(range).unwrap_or_default();
    if let Some(former) = renews {
        let new = Certificate::parse(text).map_err(|_| Exit::Internal)?;
        if new.serial_number() == former.serial_number
            || new.validity().not_before() < former.validity.not_before()
        {
            return Err(Exit::Replayed);
        }
        if let Some(exit) = error.filter(|_| former.age != Age::Over) {
            return Err(exit);
        }
    }
    // Never too long: `limits::CERTIFICATE` holds any certificate that verifies.
    let place = certificate.get_mut(..text.len().min(CERTIFICATE)).filter(|place| place.len() == text.len());
    let place = place.ok_or(Exit::CertificateRefused)?;
    let new = place != text;
    place.copy_from_slice(text);
    Ok(Issued { len: text.len(), new, out_of_time: error })
}

/// Makes sure that these records have room. The CA may issue a certificate from here on, so there must be room to store it.
pub(crate) fn reserve<B: Board>(records: &[Record], board: &mut B) -> Result<(), Exit> {
    records.iter().try_for_each(|record| board.reserve(*record)).map_err(|_| Exit::Storage)
}

/// The link of a request, and its outcome.
pub(crate) type Asked<'m, R> = (Link<'m, CaClient<R>>, <R as CaRequest>::Outcome);

/// Makes one exchange with the CA.
///
/// # Errors
/// The reason why there is no outcome.
pub(crate) fn ask<'m, B: Board, R: CaRequest<Provider = B::Crypto>>(
    config: &Config<'_, B::Address>,
    request: R,
    within: Duration,
    (rx, tx): Buffers<'m>,
    board: &mut B,
) -> Result<Asked<'m, R>, Exit> {
    let mut link = Link::new(CaClient::new(request, board.entropy()), rx, tx);
    let mut stream = board.connect(config.ca, within).map_err(Exit::ca_not_connected)?;
    let driven = drive(&mut link, &mut stream);
    stream.close();
    driven.map_err(Exit::at_ca)?;
    let outcome = link.event().ok_or(Exit::Internal)?;
    Ok((link, outcome))
}

/// Reports a refusal of the CA with its `text`, and returns the exit reason.
pub(crate) fn refused<B: Board>(code: Code, text: Option<&[u8]>, board: &mut B) -> Exit {
    let reason = text.and_then(|text| str::from_utf8(text).ok());
    board.report(format_args!("the CA refused ({code}): {}", reason.unwrap_or_default()));
    Exit::of_refusal(code)
}
