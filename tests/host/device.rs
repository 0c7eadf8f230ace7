//! The device application on the PC, over loopback, with the real server and clients.

use std::fmt::Display;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use getrandom::SysRng;
use minipki_ca::{Enrolment, Policy};
use minipki_client::chat::{Message, decode, encode};
use minipki_client::{
    Channel, ChannelOptions, ClientError, EnrolOptions, Identity, Listener, connect, enrol,
};
use minipki_core::crypto::KeyPair;
use minipki_core::session;
use minipki_core::wire::Code;
use minipki_device::{StartError, run};
use minipki_device_app::Exit;
use minipki_provider::HostProvider;
use minipki_tests::ca::{id, mode};
use minipki_tests::peers::{OTHER_CA, identity_of, valid};
use minipki_tests::server::{Setup, TestServer, soon};
use rand_core::UnwrapErr;
use tokio::net::TcpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{JoinHandle, spawn_blocking};

/// A device that runs beside the test.
struct Device {
    lines: UnboundedReceiver<String>,
    run: JoinHandle<Result<Exit, StartError>>,
}

impl Device {
    fn start(arguments: Vec<String>) -> Self {
        let (report, lines) = unbounded_channel();
        let run = spawn_blocking(move || {
            run(arguments.into_iter().map(Into::into), |line| {
                let _ = report.send(line.to_string());
            })
        });
        Self { lines, run }
    }

    /// Waits until the device listens and returns its address.
    async fn address(&mut self) -> String {
        loop {
            let line = soon(self.lines.recv()).await.expect("the device listens before its end");
            if let Some(address) = line.strip_prefix("listening at ") {
                return address.to_owned();
            }
        }
    }

    /// Waits for the end. Returns the exit and the lines that were not read yet.
    async fn end(mut self) -> (Exit, Vec<String>) {
        let exit = soon(self.run).await.expect("no panic").expect("valid arguments");
        let mut lines = Vec::new();
        while let Some(line) = self.lines.recv().await {
            lines.push(line);
        }
        (exit, lines)
    }
}

/// The arguments of a device of this CA, and `more` arguments.
fn arguments(ca: &TestServer, more: &[&dyn Display]) -> Vec<String> {
    let given: [&dyn Display; 6] =
        [&"--ca", &ca.address, &"--fingerprint", &ca.anchor.fingerprint(), &"--subject", &"device"];
    given.iter().chain(more).map(ToString::to_string).collect()
}

async fn exit(arguments: Vec<String>) -> Exit {
    Device::start(arguments).end().await.0
}

async fn host_identity(ca: &TestServer, subject: &str) -> Identity {
    let options = EnrolOptions::new(ca.address.to_string(), id(subject), ca.anchor.clone());
    let key = KeyPair::generate(HostProvider::default(), &mut UnwrapErr(SysRng));
    soon(enrol(key, options)).await.expect("granted")
}

async fn listener(identity: Identity) -> (Listener, SocketAddr) {
    let listener =
        Listener::bind("127.0.0.1:0", identity, ChannelOptions::default()).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// Sends `text`, closes, and returns the texts of the other side.
async fn talk(mut channel: Channel, text: &str) -> Result<Vec<String>, ClientError> {
    channel.outbound.send(&encode(text)).await?;
    channel.outbound.close().await?;
    let mut received = Vec::new();
    while let Some(body) = channel.inbound.receive().await? {
        match decode(body) {
            Ok(Message::Chat(text)) => received.push(text),
            other => panic!("no chat message: {other:?}"),
        }
    }
    Ok(received)
}

/// A bound port without a listener.
fn nowhere() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = socket.local_addr().expect("bound");
    (socket, address)
}

#[tokio::test]
async fn it_enrols_and_talks_as_initiator() {
    let ca = TestServer::start(Setup::default()).await;
    let (mut listener, address) = listener(host_identity(&ca, "gateway").await).await;
    let device = Device::start(arguments(
        &ca,
        &[&"--connect", &address, &"--send", &"21.5", &"--peer-subject", &"gateway"],
    ));
    let channel = soon(listener.accept()).await.expect("a device");
    assert_eq!(channel.peer.subject_id().as_str(), "device");
    assert_eq!(soon(talk(channel, "hello")).await.expect("orderly"), ["21.5"]);
    let (exit, lines) = device.end().await;
    assert_eq!((exit, exit.code()), (Exit::Done, 0));
    let expected = [
        "peer: gateway, certificate verified",
        "revocation: not known of gateway, since no revocation status came with the certificate",
        "sent: 21.5",
        "gateway: hello",
        "exit 0: done",
    ];
    assert!(lines.ends_with(&expected.map(String::from)), "{lines:?}");
}

#[tokio::test]
async fn it_enrols_and_talks_as_responder() {
    let ca = TestServer::start(Setup::default()).await;
    let gateway = host_identity(&ca, "gateway").await;
    let mut device = Device::start(arguments(&ca, &[&"--listen", &"127.0.0.1:0", &"--send", &"21.5"]));
    let address = device.address().await;
    let options = ChannelOptions { peer: Some(id("device")), ..ChannelOptions::default() };
    let channel = soon(connect(&address, &gateway, &options)).await.expect("a device");
    assert_eq!(soon(talk(channel, "hello")).await.expect("orderly"), ["21.5"]);
    let (exit, lines) = device.end().await;
    assert_eq!(exit, Exit::Done);
    assert!(lines.contains(&"gateway: hello".to_owned()), "{lines:?}");
}

#[tokio::test]
async fn two_devices_talk_to_each_other() {
    let ca = TestServer::start(Setup::default()).await;
    let mut near =
        Device::start(arguments(&ca, &[&"--listen", &"127.0.0.1:0", &"--send", &"near", &"--no-clock"]));
    let address = near.address().await;
    let far = arguments(&ca, &[&"--subject", &"sensor", &"--connect", &address, &"--send", &"far"]);
    let ((far, far_lines), (near, near_lines)) = tokio::join!(Device::start(far).end(), near.end());
    assert_eq!((near, far), (Exit::Done, Exit::Done));
    assert!(near_lines.contains(&"sensor: far".to_owned()), "{near_lines:?}");
    assert!(far_lines.contains(&"device: near".to_owned()), "{far_lines:?}");
    let unchecked = |lines: &[String]| lines.iter().any(|line| line.contains("could not be checked"));
    assert!(unchecked(&near_lines) && !unchecked(&far_lines), "one of them has a clock");
}

#[tokio::test]
async fn stored_files_are_private_and_a_restart_needs_no_ca() {
    let around = tempfile::tempdir().expect("a folder");
    let store = around.path().join("flash");
    let ca = TestServer::start(Setup::default()).await;
    let gateway = host_identity(&ca, "gateway").await;
    let enrolment = arguments(&ca, &[&"--store", &store.display()]);
    assert_eq!(exit(enrolment.clone()).await, Exit::Done);
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).expect("the folder exists");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("readable").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    };
    assert_eq!(names(&store), ["identity", "time"], "no other files");
    assert_eq!((mode(&store), mode(&store.join("identity"))), (0o700, 0o600));

    soon(ca.stop()).await.expect("no panic").expect("an orderly end");
    let (mut listener, address) = listener(gateway).await;
    let device = Device::start([enrolment, vec!["--connect".into(), address.to_string()]].concat());
    let channel = soon(listener.accept()).await.expect("a device");
    soon(talk(channel, "hello")).await.expect("orderly");
    let (exit, lines) = device.end().await;
    assert_eq!(exit, Exit::Done);
    assert_eq!(lines[0], "identity: device, as stored");
}

#[tokio::test]
async fn the_ca_refuses_and_the_device_says_why() {
    let ca = TestServer::start(Setup::default()).await;
    ca.add_token("right", "device", 600);
    let fingerprint = "07".repeat(32);
    assert_eq!(exit(arguments(&ca, &[&"--fingerprint", &fingerprint])).await, Exit::ProofRefused);
    assert_eq!(exit(arguments(&ca, &[&"--token", &"wrong"])).await, Exit::ProofRefused);
    assert_eq!(exit(arguments(&ca, &[&"--token", &"right"])).await, Exit::Done);
    let (exit_code, lines) = Device::start(arguments(&ca, &[])).end().await;
    assert_eq!(exit_code, Exit::CaRefused, "the name has a live certificate for another key");
    assert!(lines.iter().any(|line| line.starts_with("the CA refused (subject_taken): ")), "{lines:?}");

    let policy = Policy { enrolment: Enrolment::Token, ..Policy::default() };
    let strict = TestServer::start(Setup { policy, ..Setup::default() }).await;
    assert_eq!(exit(arguments(&strict, &[])).await, Exit::TokenRefused);
}

#[tokio::test]
async fn a_peer_of_another_ca_is_refused_from_either_side() {
    let ca = TestServer::start(Setup::default()).await;
    let stranger = identity_of(OTHER_CA, "gateway", valid());
    let (mut strangers, address) = listener(stranger.clone()).await;
    let device = Device::start(arguments(&ca, &[&"--connect", &address]));
    let refused = soon(strangers.accept()).await.expect_err("the device refuses");
    assert_eq!(refused.session_error(), Some(session::Error::Refused(Code::CertificateRefused)));
    assert_eq!(device.end().await.0, Exit::PeerOfAnotherCa);

    // As initiator the stranger gets the device's certificate first and refuses it.
    let mut device = Device::start(arguments(&ca, &[&"--subject", &"other", &"--listen", &"127.0.0.1:0"]));
    let address = device.address().await;
    soon(connect(&address, &stranger, &ChannelOptions::default())).await.expect_err("of another CA");
    let friend = host_identity(&ca, "friend").await;
    let channel =
        soon(connect(&address, &friend, &ChannelOptions::default())).await.expect("the device still waits");
    soon(talk(channel, "hello")).await.expect("orderly");
    let (exit, lines) = device.end().await;
    assert_eq!(exit, Exit::Done);
    assert!(lines.contains(&format!("no channel (34): {}", Exit::PeerRefused)), "{lines:?}");
}

#[tokio::test]
async fn silent_and_absent_servers_have_exit_codes_of_their_own() {
    let ca = TestServer::start(Setup::default()).await;
    let short: [&dyn Display; 2] = [&"--deadline", &"1"];
    let more = |more: &[&dyn Display]| arguments(&ca, &[&short, more].concat());
    let mute = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = mute.local_addr().expect("bound");
    let (silent_ca, silent_peer, nobody) = tokio::join!(
        exit(more(&[&"--subject", &"a", &"--ca", &at])),
        exit(more(&[&"--subject", &"b", &"--connect", &at])),
        exit(more(&[&"--subject", &"c", &"--listen", &"127.0.0.1:0"])),
    );
    assert_eq!((silent_ca, silent_peer, nobody), (Exit::CaSilent, Exit::PeerSilent, Exit::PeerSilent));
    let (_held, nowhere) = nowhere();
    let (no_ca, no_peer, no_port) = tokio::join!(
        exit(more(&[&"--ca", &nowhere])),
        exit(more(&[&"--subject", &"d", &"--connect", &nowhere])),
        exit(more(&[&"--subject", &"e", &"--listen", &at])),
    );
    assert_eq!((no_ca, no_peer, no_port), (Exit::CaUnreachable, Exit::PeerUnreachable, Exit::CannotListen));
}

#[tokio::test]
async fn a_peer_that_drips_bytes_does_not_extend_the_deadline() {
    let ca = TestServer::start(Setup::default()).await;
    let mut device = Device::start(arguments(&ca, &[&"--deadline", &"1", &"--listen", &"127.0.0.1:0"]));
    let mut peer = std::net::TcpStream::connect(device.address().await).expect("the server listens");
    let dripping = spawn_blocking(move || {
        let drop_by_drop = std::iter::once(&1).chain(std::iter::repeat(&b' '));
        for byte in [&0, &0].into_iter().chain(drop_by_drop) {
            if std::io::Write::write_all(&mut peer, &[*byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(device.end().await.0, Exit::PeerSilent);
    soon(dripping).await.expect("the device has closed");
}

#[test]
fn wrong_arguments_do_not_start_the_device() {
    for (arguments, wrong) in [
        (&["--ca", "127.0.0.1:1"][..], "--fingerprint is missing"),
        (&["--store"], "--store needs a value"),
        (&["--ca"], "--ca needs a value"),
        (&["--ca", "127.0.0.1"], "127.0.0.1: "),
    ] {
        let error = run(arguments.iter().map(Into::into), |_| {}).expect_err("not enough");
        assert_eq!(error.exit(), Exit::Usage);
        let text = error.to_string();
        assert!(text.starts_with(wrong) && text.contains("usage: minipki-device --ca"), "{text}");
    }
}

#[test]
fn an_argument_that_is_not_utf_8_is_refused_without_a_panic() {
    use std::os::unix::ffi::OsStringExt;
    let argument = std::ffi::OsString::from_vec(b"sub\xff".to_vec());
    let error = run(["--subject".into(), argument], |_| {}).expect_err("no text");
    assert!(error.to_string().starts_with("\"sub\\xFF\" is not UTF-8"), "{error}");
}
