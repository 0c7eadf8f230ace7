//! The boards' network under a flood of frames: deadlines must hold.

use std::net::Ipv4Addr;

use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

/// The code of the boards, built for this machine.
#[allow(unreachable_pub, reason = "the boards' crate exports it")]
#[path = "../../firmware-sim/boards/cortex-m/src/round.rs"]
mod round;

/// A network controller that always has a received frame.
struct Flooded {
    frame: Vec<u8>,
    /// The time. Each received frame takes a millisecond.
    now: Instant,
    taken: usize,
    sent: Vec<Vec<u8>>,
}

struct Received(Vec<u8>);

struct ToSend<'s>(&'s mut Vec<Vec<u8>>);

impl Device for Flooded {
    type RxToken<'a> = Received;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, ToSend<'_>)> {
        self.now += Duration::from_millis(1);
        self.taken += 1;
        assert!(self.taken < 100_000, "the loop takes frames without end");
        Some((Received(self.frame.clone()), ToSend(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<ToSend<'_>> {
        Some(ToSend(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 590;
        capabilities
    }
}

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = vec![0; length];
        let result = f(&mut frame);
        self.0.push(frame);
        result
    }
}

#[test]
fn a_flood_of_frames_delays_no_deadline() {
    let (near, far) = (Ipv4Addr::new(10, 0, 9, 1), Ipv4Addr::new(10, 0, 9, 2));
    // An ARP request for the device's address, which it answers, and a frame of an unknown type.
    let question = [
        &[0xff; 6][..],
        &[
            0x52, 0x54, 0, 0x12, 0x34, 0x58, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0x12,
            0x34, 0x58,
        ],
        &far.octets(),
        &[0; 6],
        &near.octets(),
    ]
    .concat();
    for frame in [question, vec![0xff; 60]] {
        let mut device = Flooded { frame, now: Instant::ZERO, taken: 0, sent: Vec::new() };
        let address = EthernetAddress([0x52, 0x54, 0, 0x12, 0x34, 0x57]);
        let mut interface = Interface::new(Config::new(address.into()), &mut device, Instant::ZERO);
        interface.update_ip_addrs(|all| all.push(IpCidr::new(IpAddress::Ipv4(near), 24)).expect("the first"));
        let mut sockets = SocketSet::new(Vec::new());
        let buffer = || SocketBuffer::new(vec![0; 512]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.connect(interface.context(), (far, 9000), 50_000).expect("a new socket");
        sockets.add(socket);

        let deadline = Instant::from_secs(2);
        while device.now < deadline {
            let (before, now) = (device.taken, device.now);
            round::round(&mut interface, &mut device, &mut sockets, now);
            assert!(device.taken - before <= round::FRAMES, "the clock is read in between");
        }
        assert!(device.now < deadline + Duration::from_millis(10), "the deadline holds");
        let connecting =
            |frame: &Vec<u8>| frame[12..14] == [8, 0] && frame[23] == 6 || frame[12..14] == [8, 6];
        assert!(device.sent.iter().any(connecting), "the connection request is sent");
    }
}
