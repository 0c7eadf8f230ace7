//! The cost of an enrolment on the device's side. The CA's side runs in the same memory.

use minipki_core::cert::Certificate;
use minipki_core::crypto::Portable;
use minipki_core::link::{Link, Want};
use minipki_core::session::{CaServer, ClientRequest, EnrolClient, EnrolForm, EnrolOutcome, Enrolment};
use minipki_cortex_m::meter::{Cost, FixedRng, measure};

use crate::fixture::End;
use crate::{Frames, Outcome, carry, row_of};

pub(crate) fn run(end: &End, [rx, tx, ca_rx, ca_tx]: &mut Frames) -> Outcome<()> {
    let subject = Certificate::parse(end.certificate).map_err(|_| "parse")?.subject_id();
    let enrolment = Enrolment {
        subject_id: subject.into(),
        key: &end.key,
        anchor: &end.anchor,
        now: end.now,
        form: EnrolForm::Proven { token: None },
    };
    let (client, mut proof) = measure(|| EnrolClient::new(enrolment, &mut FixedRng));
    let mut client = Link::new(client, rx, tx);
    let mut ca = Link::new(CaServer::new(Portable::new(), end.anchor.fingerprint()), ca_rx, ca_tx);
    let (mut taking, mut issued) = (Cost::default(), false);
    loop {
        let (want, cost) = measure(|| client.want());
        *if issued { &mut taking } else { &mut proof } += cost;
        match want.map_err(|_| "enrolment")? {
            Want::Send => carry(&mut client, &mut ca),
            Want::Receive => {
                issued = answer(&mut ca, end.certificate)?;
                carry(&mut ca, &mut client)
            }
            Want::Deliver => break,
            Want::Finished => return Err("enrolment"),
        };
    }
    matches!(client.event(), Some(EnrolOutcome::Issued(_))).then_some(()).ok_or("no certificate")?;
    row_of(end.bits, "enrolment: request and proof", proof);
    row_of(end.bits, "enrolment: certificate taken", taking);
    Ok(())
}

/// Makes the CA answer its request. Returns whether the answer is the certificate.
fn answer(ca: &mut Link<'_, CaServer<Portable>>, certificate: &[u8]) -> Outcome<bool> {
    ca.want().map_err(|_| "the CA's side")?;
    let (sent, issued) = match ca.event() {
        Some(ClientRequest::Challenge { .. }) => {
            (ca.send(|machine, out| machine.challenge(&mut FixedRng, out)), false)
        }
        Some(ClientRequest::Proven { possession, .. }) if possession.proves(None) == Ok(true) => {
            (ca.send(|machine, out| machine.issue(certificate, out)), true)
        }
        _ => return Err("the CA has no request"),
    };
    sent.map(|()| issued).map_err(|_| "the CA's answer")
}
