//! Noise, the machines on both sides, and the link between a machine and bytes.

use core::pin::pin;
use core::task::{Context, Waker};

use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, Certificate, Id, IdBuf};
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::drive::{drive, drive_async};
use minipki_core::keys::Fingerprint;
use minipki_core::link::{Direction, Link, LinkOver, Machine, Misuse, Observer};
use minipki_core::noise::{
    ExpectMessage1, ExpectMessage2, ExpectMessage3, Opener, Sealer, SendMessage1, SendMessage2, SendMessage3,
    Transport,
};
use minipki_core::session::{
    self, AnchorsQuery, CaClient, CaRequest, CaServer, ClientRequest, EnrolForm, Enrolment, Established,
    HolderRevocation, Inbound, Initiator, LocalIdentity, Outbound, Peer, PossessionProof, RenewalProof,
    Responder, RevocationProof, StatusQuery, X509Query,
};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{RevocationReason, Serial, StatusPolicy};
use minipki_core::wire::{Code, Response};

use crate::{Port, any, bytes, keep, room, text};

type P = Portable;

/// All public functions of `noise`, `session`, `link` and `drive`.
pub(crate) fn all() {
    let pair = || -> KeyPair<P> { KeyPair::from_secret(Portable::new(), Secret::new(any([0; 32]))) };
    if let Some(transport) = any(initiator(pair(), pair())) {
        channel(transport);
    }
    if let Some(transport) = any(responder(pair(), pair())) {
        channel(transport);
    }
    let (key, anchor) = (pair(), any(Anchor::from_fingerprint(Fingerprint([0; 32]))));
    let now = any(Now::Exact(UnixTime::MIN));
    keep(clients(&key, &anchor, now));
    ca_server();
    let local = LocalIdentity {
        key: &key,
        credentials: bytes(),
        anchor: &anchor,
        now,
        status_policy: StatusPolicy::default(),
        peer: Id::new(text()).ok(),
    };
    established(Initiator::new(local, &mut Port), Initiator::established);
    established(Responder::new(local, &mut Port), Responder::established);
}

fn initiator(s: KeyPair<P>, e: KeyPair<P>) -> Option<Transport<P>> {
    let state = SendMessage1::new(bytes(), s, e);
    let (state, _) = SendMessage1::write(state, bytes(), room()).ok()?;
    let (state, range) = ExpectMessage2::read(state, room()).ok()?;
    keep((range, SendMessage3::remote_static(&state)));
    Some(SendMessage3::write(state, bytes(), room()).ok()?.0)
}

fn responder(s: KeyPair<P>, e: KeyPair<P>) -> Option<Transport<P>> {
    let state = ExpectMessage1::new(bytes(), s, e);
    let (state, range) = ExpectMessage1::read(state, room()).ok()?;
    keep(range);
    let (state, _) = SendMessage2::write(state, bytes(), room()).ok()?;
    let (transport, range) = ExpectMessage3::read(state, room()).ok()?;
    keep(range);
    Some(transport)
}

fn channel(transport: Transport<P>) {
    keep((Transport::remote_static(&transport), Transport::handshake_hash(&transport)));
    let (mut sealer, mut opener) = Transport::split(transport);
    keep(Sealer::seal(&mut sealer, room(), any(0)));
    keep(Opener::open(&mut opener, room()));
    keep((Sealer::fingerprint(&sealer), Opener::fingerprint(&opener)));
}

/// Makes each request to a CA.
fn clients(key: &KeyPair<P>, anchor: &Anchor, now: Now) -> Option<()> {
    let subject_id: IdBuf = text().parse().ok()?;
    let (serial_number, reason) = (Serial::new(any(1)).ok()?, any(RevocationReason::Unspecified));
    let form = any(EnrolForm::Renewal { serial_number, current: key });
    client(Enrolment { subject_id, key, anchor, now, form });
    client(AnchorsQuery { provider: Portable::new(), anchor });
    client(HolderRevocation { serial_number, reason, key, issuer: any(Fingerprint([0; 32])) });
    client(StatusQuery { provider: Portable::new(), serial_number, anchor, nonce: any(true) });
    let certificate = &Certificate::parse(bytes()).ok()?;
    client(X509Query { provider: Portable::new(), certificate, anchor, algorithms: any(&[]) });
    Some(())
}

fn client<R: CaRequest<Provider = P>>(request: R) {
    keep((CaRequest::provider(&request), CaRequest::form(&request)));
    keep(CaRequest::encode(&request, any(None), room()));
    keep(CaRequest::conclude(&request, any(None), bytes()));
    let share = KeyPair::generate(Portable::new(), &mut Port);
    keep(CaRequest::prove(&request, KeyPair::public(&share), &any([0; 32])));
    link(CaClient::new(request, &mut Port), |_| None);
}

fn ca_server() {
    let mut server: CaServer<P> = any(CaServer::new(Portable::new()));
    keep(CaServer::is_idle(&server));
    keep(CaServer::challenge(&mut server, &mut Port, room()));
    keep(CaServer::issue(&mut server, bytes(), room()));
    keep(CaServer::respond(&mut server, any(Response::Status(bytes())), room()));
    keep(CaServer::refuse(&mut server, any(Code::Busy), room()));
    let holder = KeyPair::generate(Portable::new(), &mut Port);
    match server.read(room()) {
        Ok(Some(ClientRequest::Proven { possession, .. })) => {
            keep(PossessionProof::proves(&possession, any(&[]), any(None)));
        }
        Ok(Some(ClientRequest::Renew { possession, .. })) => {
            keep(RenewalProof::proves(&possession, any(&[]), KeyPair::public(&holder)));
        }
        Ok(Some(ClientRequest::Revoke { possession, .. })) => {
            keep(RevocationProof::proves(&possession, any(&[]), KeyPair::public(&holder)));
        }
        request => keep(request.is_ok()),
    }
    let mut served: Link<'_, CaServer<P>> = LinkOver::new(server, room(), room());
    step(&mut served);
}

/// An observer that uses each message.
#[derive(Clone)]
struct Watcher;

impl Observer for Watcher {
    fn frame(&self, direction: Direction, body: &[u8]) {
        keep((direction, body));
    }

    fn plaintext(&self, direction: Direction, text: &[u8]) {
        keep((direction, text));
    }
}

fn established<M: Machine<Error = session::Error>>(
    machine: M,
    established: impl FnOnce(M) -> Option<Established<P>>,
) {
    link(machine, |machine| {
        let Established { peer, handshake_hash, inbound, outbound } = established(machine)?;
        keep((handshake_hash, Peer::subject_id(&peer), Peer::key(&peer), Peer::serial_number(&peer)));
        keep((Peer::validity(&peer), Peer::time_certain(&peer), Peer::revocation(&peer)));
        keep((Inbound::key_fingerprint(any(&inbound)), Outbound::key_fingerprint(any(&outbound))));
        Some((inbound, outbound))
    });
}

/// Drives a machine, then the halves of its channel.
fn link<M: Machine<Error = session::Error>>(
    machine: M,
    halves: impl FnOnce(M) -> Option<(Inbound<P>, Outbound<P>)>,
) {
    let mut link: Link<'_, M, Watcher> = LinkOver::observed(machine, room(), room(), Watcher);
    LinkOver::observer(&link).frame(Direction::Sent, bytes());
    step(&mut link);
    let Some((mut inbound, mut outbound, ())) =
        LinkOver::split(link, |machine| halves(machine).map(|(inbound, outbound)| (inbound, outbound, ())))
    else {
        return;
    };
    step(&mut inbound);
    keep(LinkOver::send(&mut outbound, |machine, out| Outbound::seal(machine, bytes(), out)));
    step(&mut outbound);
    keep(LinkOver::send(&mut outbound, Outbound::close));
    step(&mut outbound);
    keep(LinkOver::send(&mut outbound, |machine, out| Outbound::refuse(machine, any(Code::Busy), out)));
    step(&mut outbound);
}

/// Makes each call of a driver and of an application to a link once.
fn step<M: Machine<Error = session::Error>, O: Observer>(link: &mut Link<'_, M, O>) {
    keep(drive(link, &mut Port)); // drive::drive
    let context = &mut Context::from_waker(Waker::noop());
    keep(pin!(drive_async(link, &mut Port)).poll(context)); // drive::drive_async
    keep(LinkOver::want(link));
    keep(LinkOver::to_send(link));
    LinkOver::sent(link, any(0));
    keep(LinkOver::space(link));
    LinkOver::received(link, any(0));
    let event = LinkOver::event(link);
    keep((event.is_some(), LinkOver::body(link)));
    keep(LinkOver::machine(link).plaintext(bytes()));
    keep(session::Error::code(any(session::Error::Misuse(Misuse::OutOfTurn))));
}
