//! Bytes, texts, messages and certificates.

use core::fmt::{self, Write};

use minipki_core::bytes::{BufferTooSmall, Secret, Writer};
use minipki_core::cert::{
    self, Anchor, AnchorUpdate, Certificate, Error, FormerKey, Id, IdBuf, Status, TbsAnchorUpdate,
    TbsCertificate, TbsStatus,
};
use minipki_core::crypto::rsa::{AllSizes, PublicKey};
use minipki_core::crypto::{Portable, x25519};
use minipki_core::encoding::base64::{self, Encoded};
use minipki_core::encoding::json::{self, Form, JsonError, JsonErrorKind, Member, Reader};
use minipki_core::encoding::pem;
use minipki_core::keys::Fingerprint;
use minipki_core::link::{Misuse, frame};
use minipki_core::session;
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{
    CertStatus, Check, Revocation, RevocationCheck, RevocationReason, Serial, StatusError, StatusPolicy,
    Validity, Verified,
};
use minipki_core::wire::anchors::{self, AnchorsRequest};
use minipki_core::wire::channel::{self, Payload, Step};
use minipki_core::wire::enrolment::{Challenge, Proof, RenewRequest, Request};
use minipki_core::wire::revocation::{RevokeRequest, StatusRequest};
use minipki_core::wire::x509::X509Request;
use minipki_core::wire::{ClientMessage, Code, Refusal, Response, WireError};

use crate::{Port, any, bytes, keep, room, text};

/// All public functions of `bytes`, `encoding`, `time`, `wire`, `trust` and `cert`.
pub(crate) fn all() {
    texts();
    times();
    messages();
    let now = any(Now::Exact(UnixTime::MIN));
    for anchor in [Anchor::decode(Portable::new(), bytes()), anchor()].into_iter().flatten() {
        keep(status(&anchor));
        keep(certificate(anchor, now));
    }
    keep(issue());
    keep(state());
    keep(update());
}

fn texts() {
    let mut writer = Writer::new(room());
    Writer::put(&mut writer, bytes());
    Writer::fill(&mut writer, |rest| any(Ok::<_, ()>(rest.len())));
    keep(Writer::finish(writer));
    let mut secret: Secret<32> = Secret::zeroed();
    keep(any(Secret::expose_mut(&mut secret)));
    keep(Secret::expose(&secret));
    keep(base64::encode(bytes(), room()));
    keep(base64::decode(text(), room()));
    keep(base64::decode_array::<32>(text()));
    keep(base64::decode_in_place(room()));
    keep(base64::encoded_len(any(0)));
    say(Encoded(bytes()));
    let form = any(Form::Canonical);
    keep(json::check(bytes(), form));
    keep(read(form));
    keep(pem::encode(text(), bytes(), room()));
    keep(pem::decode(text(), bytes(), room()));
    say(any(Fingerprint([0; 32])));
    keep(Fingerprint::from_lower_hex(text()));
    keep(json::encode(&any(Fingerprint([0; 32])), room()));
    say(any(session::Error::Misuse(Misuse::OutOfTurn)));
}

/// Reads each value of a body as a type that the compiler does not know.
fn read(form: Form) -> Result<(), JsonError> {
    let mut reader = Reader::new(bytes(), form)?;
    let (mut string, mut raw, mut object) =
        (Reader::member(&reader, "a"), reader.member("b"), reader.member("c"));
    let (mut integer, mut boolean) = (reader.member("d"), reader.member("e"));
    while let Some(key) = Reader::next_key(&mut reader)? {
        keep(key);
        match any(0) {
            0 => Reader::string(&mut reader, &mut string)?,
            1 => Reader::raw(&mut reader, &mut raw)?,
            2 => Reader::object(&mut reader, &mut object, |inner| Reader::strings(inner, any(["f", "g"])))?,
            3 => Reader::integer(&mut reader, &mut integer)?,
            4 => Reader::boolean(&mut reader, &mut boolean)?,
            5 => Reader::unknown(&mut reader)?,
            _ => Reader::skip(&mut reader)?,
        }
    }
    Reader::finish(reader)?;
    let mut items = Reader::of_array(bytes(), form)?;
    let mut array = items.member("h");
    while Reader::next_item(&mut items)? {
        Reader::array(&mut items, &mut array, |inner| inner.next_item())?;
    }
    keep(array.required());
    keep((Member::name(&string), Member::absent(string), Member::range(string), Member::optional(raw)));
    keep((Member::required(object), Member::required(integer), Member::required(boolean)));
    Ok(())
}

fn times() {
    for time in [UnixTime::new(any(0)), text().parse()].into_iter().flatten() {
        keep((UnixTime::get(time), UnixTime::checked_add_seconds(time, any(0))));
        keep(json::encode(&time, room()));
        say(time);
    }
}

fn messages() {
    keep(frame::header(any(0)));
    if let (Ok(subject_id), Some(key)) = (Id::new(text()), key()) {
        let request = Request { subject_id, subject_key: key, nonce: any(None) };
        keep(Request::encode(&request, room()));
        keep(Challenge::encode(&Challenge { ca_share: key, nonce: any([0; 32]) }, room()));
    }
    if let (Ok(serial_number), Ok(subject_id), Some(subject_key)) =
        (Serial::new(any(1)), Id::new(text()), key())
    {
        let (nonce, reason) = (any([0; 32]), any(RevocationReason::Unspecified));
        let renew = RenewRequest { subject_id, subject_key, serial_number, nonce };
        keep(RenewRequest::encode(&renew, room()));
        keep(RevokeRequest::encode(&RevokeRequest { serial_number, reason, nonce }, room()));
        keep(StatusRequest::encode(&StatusRequest { serial_number, nonce: any(None) }, room()));
        keep(X509Request::encode(&X509Request { serial_number }, room()));
        let revocation = Revocation { reason, revoked_at: any(UnixTime::MIN) };
        keep(Response::encode(&Response::Revoked(serial_number, revocation), room()));
    }
    keep(ClientMessage::decode(bytes()));
    keep(Challenge::decode(bytes()));
    keep(Proof::encode(&any(Proof { proof: [0; 32] }), room()));
    keep(Response::decode(bytes()));
    keep(Response::encode(&Response::Issued(bytes()), room()));
    keep(Response::encode(&Response::Status(bytes()), room()));
    keep(AnchorsRequest::encode(&AnchorsRequest, room()));
    keep(anchors::each_update(bytes(), |text| {
        keep(text);
        any(Ok::<(), WireError>(()))
    }));
    keep(Payload::encode(&Payload { certificate: bytes(), status: any(None) }, room()));
    keep(Payload::decode(bytes()));
    let refusal = Refusal { code: Code::from_name(text()), text: text() };
    keep(Response::encode(&Response::Refused(refusal), room()));
    keep(Refusal::encode(&Refusal::from(any(Code::Other)), room()));
    keep(Refusal::decode(bytes()));
    Code::all().for_each(|code| keep((Code::as_str(code), Code::text(code))));
    let step = any(Step::One);
    keep(Step::type_name(step));
    keep(channel::encode(step, room(), |out| any(Ok::<_, BufferTooSmall>(out.len()))));
    keep(channel::decode(step, room()));
}

fn anchor() -> Result<Anchor, Error> {
    let id = Id::new(text()).map_err(Error::IssuerId)?;
    let mut anchor: Anchor = any(Anchor::from_fingerprint(any(Fingerprint([0; 32]))));
    keep(any(&mut anchor));
    keep(Anchor::encode(&anchor, room()));
    let key = FormerKey { fingerprint: any(Fingerprint([0; 32])), until: any(UnixTime::MIN) };
    keep(Anchor::add_former_key(&mut anchor, key));
    keep((Anchor::former_keys(&anchor), Anchor::has_key(&anchor, &key.fingerprint)));
    keep((Anchor::fingerprint(&anchor), Anchor::issuer_id(&anchor), Anchor::key(&anchor)));
    keep(Anchor::from_key(
        Portable::new(),
        id,
        PublicKey::<AllSizes>::from_modulus(bytes()).map_err(Error::IssuerKey)?,
    ));
    Anchor::from_spki_pem(Portable::new(), id, bytes())
}

fn certificate(mut anchor: Anchor, now: Now) -> Result<(), Error> {
    let certificate = Certificate::parse(bytes())?;
    keep((Certificate::text(&certificate), Certificate::signed_slices(&certificate)));
    keep((Certificate::issuer_id(&certificate), Certificate::subject_id(&certificate)));
    keep((Certificate::serial_number(&certificate), Certificate::subject_key(&certificate)));
    keep(Certificate::issuer_key::<AllSizes>(&certificate));
    let key = key().ok_or(Error::SubjectKeyNotCanonical)?;
    keep(Certificate::require_key(&certificate, &key));
    keep(Certificate::require_subject(&certificate, Id::new(text()).map_err(Error::SubjectId)?));
    keep(Certificate::signature(&certificate, &mut any([0; 512])));
    let validity = Certificate::validity(&certificate);
    keep((Validity::not_before(validity), Validity::not_after(validity), Validity::check(validity, now)));
    let policy = any(StatusPolicy::default());
    let revocation = any(RevocationCheck::Status { status: any(Some(bytes())), policy });
    let verified = cert::verify(Portable::new(), &anchor, &certificate, now, revocation)?;
    keep((
        Verified::certificate(&verified),
        Verified::time_certain(&verified),
        Verified::revocation(&verified),
    ));
    let verified = Verified::require_key(verified, &key)?;
    let verified = Verified::require_subject(verified, Id::new(text()).map_err(Error::SubjectId)?)?;
    let issuer: Anchor = Anchor::of_issuer(Portable::new(), &verified)?;
    keep(issuer);
    let update = AnchorUpdate::parse(bytes())?;
    keep((AnchorUpdate::text(&update), AnchorUpdate::issuer_id(&update), AnchorUpdate::not_before(&update)));
    keep((AnchorUpdate::issuer_key::<AllSizes>(&update), AnchorUpdate::previous_key(&update)));
    keep(Anchor::follow(&mut anchor, Portable::new(), &update));
    Anchor::pin_issuer(&mut anchor, Portable::new(), &verified)
}

fn issue() -> Result<(), Error> {
    let name: IdBuf = text().parse().map_err(Error::SubjectId)?;
    keep(Id::as_str(IdBuf::as_id(&name)));
    say(&name);
    let serial = [Serial::new(any(0)), Serial::from_be_bytes(bytes()), text().parse()];
    for serial in serial.into_iter().flatten() {
        keep((Serial::to_u64(serial), Serial::to_be_bytes(serial)));
        say(serial);
    }
    say(any(Check::Encoding));
    keep(Check::name(any(Check::Encoding)));
    keep(Error::check(&any(Error::SerialNumber)));
    keep(JsonErrorKind::is_mismatch(any(JsonErrorKind::Syntax)));
    let unsigned = TbsCertificate {
        issuer_id: IdBuf::as_id(&name),
        issuer_key: &PublicKey::from_modulus(bytes()).map_err(Error::IssuerKey)?,
        serial_number: Serial::generate(&mut Port),
        subject_id: Id::new(text()).map_err(Error::SubjectId)?,
        subject_key: key().ok_or(Error::SubjectKeyNotCanonical)?,
        validity: Validity::new(any(UnixTime::MIN), any(UnixTime::MAX))?,
    };
    keep(TbsCertificate::encode(&unsigned, room())?);
    keep(cert::attach_signature(bytes(), bytes(), room())?);
    Ok(())
}

/// Reads a status, and verifies it.
fn status(anchor: &Anchor) -> Result<(), Error> {
    let status = Status::parse(bytes())?;
    keep((Status::text(&status), Status::signed_slices(&status), Status::nonce(&status)));
    keep((Status::issuer_id(&status), Status::issuer_key(&status), Status::serial_number(&status)));
    keep((Status::number(&status), Status::this_update(&status), Status::next_update(&status)));
    keep(CertStatus::name(Status::status(&status)));
    say(any(StatusError::Missing));
    keep(cert::verify_object(Portable::new(), anchor, bytes()));
    cert::verify_status(Portable::new(), anchor, &status, Status::serial_number(&status), any(None))
}

/// Writes a status.
fn state() -> Result<(), Error> {
    RevocationReason::all().for_each(|reason| {
        keep((RevocationReason::name(reason), RevocationReason::code(reason)));
        say(reason);
    });
    keep((RevocationReason::from_name(text()), RevocationReason::from_code(any(0))));
    let unsigned = TbsStatus {
        issuer_id: Id::new(text()).map_err(Error::IssuerId)?,
        issuer_key: any(Fingerprint([0; 32])),
        serial_number: Serial::generate(&mut Port),
        status: any(CertStatus::Good),
        number: any(0),
        this_update: any(UnixTime::MIN),
        next_update: any(UnixTime::MAX),
        nonce: any(None),
    };
    keep(TbsStatus::encode(&unsigned, room())?);
    Ok(())
}

/// Writes an anchor update.
fn update() -> Result<(), Error> {
    let unsigned = TbsAnchorUpdate {
        issuer_id: Id::new(text()).map_err(Error::IssuerId)?,
        issuer_key: &PublicKey::from_modulus(bytes()).map_err(Error::IssuerKey)?,
        not_before: any(UnixTime::MIN),
        previous_key: any(Fingerprint([0; 32])),
    };
    keep(TbsAnchorUpdate::encode(&unsigned, room())?);
    Ok(())
}

fn key() -> Option<x25519::PublicKey> {
    x25519::PublicKey::new(any([0; 32]))
}

/// Writes the text of a value to the port.
pub(crate) fn say(value: impl fmt::Display) {
    keep(write!(Port, "{value}"));
}

impl Write for Port {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        keep(text);
        any(Ok(()))
    }
}
