//! The cost of an enrolment and of a renewal on the device's side. The CA's side runs in the same memory.

use minipki_core::cert::Certificate;
use minipki_core::crypto::Portable;
use minipki_core::link::{Link, Want};
use minipki_core::session::{CaServer, ClientRequest, EnrolClient, EnrolForm, EnrolOutcome, Enrolment};
use minipki_cortex_m::meter::{Cost, FixedRng, measure};

use crate::fixture::End;
use crate::{Frames, Outcome, carry, row_of};

/// Measures an enrolment, and a renewal for the same key.
pub(crate) fn run(end: &End, frames: &mut Frames) -> Outcome<()> {
    let serial_number = Certificate::parse(end.certificate).map_err(|_| "parse")?.serial_number();
    let enrolment = ["enrolment: request and proof", "enrolment: certificate taken"];
    exchange(end, EnrolForm::Proven { token: None }, enrolment, frames)?;
    let renewal = ["renewal: request and proof", "renewal: certificate taken"];
    exchange(end, EnrolForm::Renewal { serial_number, current: &end.key }, renewal, frames)
}

fn exchange(
    end: &End,
    form: EnrolForm<'_>,
    [asked, taken]: [&'static str; 2],
    [rx, tx, ca_rx, ca_tx]: &mut Frames,
) -> Outcome<()> {
    let subject = Certificate::parse(end.certificate).map_err(|_| "parse")?.subject_id();
    let enrolment =
        Enrolment { subject_id: subject.into(), key: &end.key, anchor: &end.anchor, now: end.now, form };
    let (client, mut proof) = measure(|| EnrolClient::new(enrolment, &mut FixedRng));
    let mut client = Link::new(client, rx, tx);
    let mut ca = Link::new(CaServer::new(Portable::new()), ca_rx, ca_tx);
    let (mut taking, mut issued) = (Cost::default(), false);
    loop {
        let (want, cost) = measure(|| client.want());
        *if issued { &mut taking } else { &mut proof } += cost;
        match want.map_err(|_| "enrolment")? {
            Want::Send => carry(&mut client, &mut ca),
            Want::Receive => {
                issued = answer(&mut ca, end)?;
                carry(&mut ca, &mut client)
            }
            Want::Deliver => break,
            Want::Finished => return Err("enrolment"),
        };
    }
    matches!(client.event(), Some(EnrolOutcome::Issued(_))).then_some(()).ok_or("no certificate")?;
    row_of(end.bits, asked, proof);
    row_of(end.bits, taken, taking);
    Ok(())
}

/// Makes the CA answer its request. Returns whether the answer is the certificate.
fn answer(ca: &mut Link<'_, CaServer<Portable>>, end: &End) -> Outcome<bool> {
    let issue =
        |ca: &mut Link<'_, CaServer<Portable>>| ca.send(|machine, out| machine.issue(end.certificate, out));
    let issuers = [end.anchor.fingerprint()];
    ca.want().map_err(|_| "the CA's side")?;
    let (sent, issued) = match ca.event() {
        Some(ClientRequest::Challenge { .. }) => {
            (ca.send(|machine, out| machine.challenge(&mut FixedRng, out)), false)
        }
        Some(ClientRequest::Proven { possession, .. }) if possession.proves(&issuers, None) == Ok(true) => {
            (issue(ca), true)
        }
        Some(ClientRequest::Renew { possession, .. })
            if possession.proves(&issuers, end.key.public()) == Ok(true) =>
        {
            (issue(ca), true)
        }
        _ => return Err("the CA has no request"),
    };
    sent.map(|()| issued).map_err(|_| "the CA's answer")
}
