//! IPv4 and TCP over the Ethernet controller: an interface, two TCP sockets, and DHCP if requested.

use core::cell::RefCell;
use core::net::{Ipv4Addr, SocketAddrV4};

use cortex_m::singleton;
use embedded_io::ErrorKind;
use rand_core::Rng;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::dhcpv4;
use smoltcp::socket::tcp::{self, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Cidr};

use crate::chip::Mac;
use crate::clock;
use crate::ethernet::{Ethernet, FRAME};
use crate::round::round;

/// smoltcp has no backlog: while one socket is in use, the other holds the next connection.
const TCP_SOCKETS: usize = 2;
/// One segment. So the window also limits a peer that ignores our MSS, for example QEMU's user network.
const RECEIVE: usize = FRAME - HEADERS;
/// One segment: written bytes are sent before the next bytes are computed.
const SEND: usize = FRAME - HEADERS;
/// Ethernet, IPv4 and TCP without options.
const HEADERS: usize = 14 + 20 + 20;
/// The time without an acknowledgement after which a connection is reset.
const ACK_TIMEOUT: Duration = Duration::from_secs(20);
/// The first port of outgoing connections (RFC 6335 §6).
const DYNAMIC_PORTS: u16 = 49152;
/// The listening port if the application asks for any port.
const ANY_PORT: u16 = 9101;

/// The source of the board's own address.
#[derive(Clone, Copy, Debug)]
pub enum Addressing {
    /// DHCP.
    Dhcp,
    /// A given address, with the router if there is one.
    Static(Ipv4Cidr, Option<Ipv4Addr>),
}

/// The interface, the sockets and their use.
pub struct Network {
    ethernet: Ethernet,
    interface: Interface,
    sockets: SocketSet<'static>,
    tcp: [Slot; TCP_SOCKETS],
    dhcp: Option<SocketHandle>,
    listening: Option<u16>,
    next_port: u16,
}

/// A TCP socket, and whether a stream owns it.
#[derive(Clone, Copy)]
struct Slot {
    socket: SocketHandle,
    taken: bool,
}

/// The buffers of one TCP socket.
type Buffers = ([u8; RECEIVE], [u8; SEND]);

impl Network {
    /// Starts the controller and the interface. DHCP gives an address only later. A second start returns `None`.
    pub fn start(
        mac: &'static dyn Mac,
        addressing: Addressing,
        rng: &mut impl Rng,
    ) -> Option<&'static RefCell<Self>> {
        let mut config = Config::new(EthernetAddress(mac.start()).into());
        let mut ethernet = Ethernet::new(mac);
        config.random_seed = rng.next_u64();
        let mut interface = Interface::new(config, &mut ethernet, clock::now());
        let storage = singleton!(: [SocketStorage<'static>; TCP_SOCKETS + 1] = [SocketStorage::EMPTY; TCP_SOCKETS + 1])?;
        let mut sockets = SocketSet::new(storage.as_mut_slice());
        let buffers = singleton!(: [Buffers; TCP_SOCKETS] = [([0; RECEIVE], [0; SEND]); TCP_SOCKETS])?;
        let tcp = buffers.each_mut().map(|(receive, send)| {
            let mut socket = tcp::Socket::new(
                SocketBuffer::new(receive.as_mut_slice()),
                SocketBuffer::new(send.as_mut_slice()),
            );
            socket.set_timeout(Some(ACK_TIMEOUT));
            // Messages are written as a whole, so waiting for more bytes would only delay the peer.
            socket.set_nagle_enabled(false);
            Slot { socket: sockets.add(socket), taken: false }
        });
        let dhcp = match addressing {
            Addressing::Dhcp => Some(sockets.add(dhcpv4::Socket::new())),
            Addressing::Static(address, router) => {
                configure(&mut interface, Some(address), router);
                None
            }
        };
        let next_port = DYNAMIC_PORTS | (rng.next_u32() as u16 & !DYNAMIC_PORTS);
        let network = Self { ethernet, interface, sockets, tcp, dhcp, listening: None, next_port };
        singleton!(: RefCell<Network> = RefCell::new(network)).map(|network| &*network)
    }

    /// The board's address, if there is one yet.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.interface.ipv4_addr()
    }

    /// Moves a bounded number of frames in both directions: one [`round`].
    pub fn poll(&mut self) {
        let now = clock::now();
        round(&mut self.interface, &mut self.ethernet, &mut self.sockets, now);
        let Some(dhcp) = self.dhcp else { return };
        match self.sockets.get_mut::<dhcpv4::Socket<'_>>(dhcp).poll() {
            Some(dhcpv4::Event::Configured(lease)) => {
                configure(&mut self.interface, Some(lease.address), lease.router);
            }
            Some(dhcpv4::Event::Deconfigured) => configure(&mut self.interface, None, None),
            None => {}
        }
    }

    /// Begins a connection, and returns its socket.
    ///
    /// # Errors
    /// [`ErrorKind::AddrInUse`] if every socket is taken; [`ErrorKind::AddrNotAvailable`] without an address, or if
    /// `to` is not a valid address.
    pub fn connect(&mut self, to: SocketAddrV4) -> Result<SocketHandle, ErrorKind> {
        // A connection that begins, or waits to be accepted, keeps its socket, if another socket is free.
        let free = self.tcp.iter().position(|slot| !slot.taken && self.idle(slot.socket));
        let index =
            free.or_else(|| self.tcp.iter().position(|slot| !slot.taken)).ok_or(ErrorKind::AddrInUse)?;
        let slot = self.tcp.get_mut(index).ok_or(ErrorKind::AddrInUse)?;
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(slot.socket);
        socket.abort();
        self.next_port = DYNAMIC_PORTS | self.next_port.wrapping_add(1);
        socket
            .connect(self.interface.context(), to, self.next_port)
            .map_err(|_| ErrorKind::AddrNotAvailable)?;
        slot.taken = true;
        let connecting = slot.socket;
        // A socket that has just become free takes over at once, so that no incoming connection is refused.
        self.relisten();
        Ok(connecting)
    }

    /// Makes every free socket listen on `port`, also a socket that becomes free later.
    pub(crate) fn listen(&mut self, port: u16) -> Result<u16, ErrorKind> {
        let port = if port == 0 { ANY_PORT } else { port };
        for slot in self.tcp.iter().filter(|slot| !slot.taken) {
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(slot.socket);
            socket.abort();
            socket.listen(port).map_err(|_| ErrorKind::AddrNotAvailable)?;
        }
        self.listening = Some(port);
        Ok(port)
    }

    /// Takes a connection to the listening port.
    pub(crate) fn accept(&mut self) -> Option<SocketHandle> {
        let index = self.tcp.iter().position(|slot| !slot.taken && self.connected(slot.socket))?;
        let slot = self.tcp.get_mut(index)?;
        slot.taken = true;
        Some(slot.socket)
    }

    /// Releases a socket, without its unsent bytes.
    pub fn release(&mut self, socket: SocketHandle) {
        self.socket(socket).abort();
        self.poll();
        for slot in self.tcp.iter_mut().filter(|slot| slot.socket == socket) {
            slot.taken = false;
        }
    }

    /// The socket of a stream.
    pub fn socket(&mut self, socket: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(socket)
    }

    /// Makes the sockets that have become free listen again.
    fn relisten(&mut self) {
        let Some(port) = self.listening else { return };
        for slot in self.tcp.iter().filter(|slot| !slot.taken) {
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(slot.socket);
            if !socket.is_open() {
                // It cannot fail: the port is not 0 and the socket is closed.
                let _ = socket.listen(port);
            }
        }
    }

    fn idle(&self, socket: SocketHandle) -> bool {
        matches!(self.sockets.get::<tcp::Socket<'_>>(socket).state(), tcp::State::Closed | tcp::State::Listen)
    }

    fn connected(&self, socket: SocketHandle) -> bool {
        matches!(
            self.sockets.get::<tcp::Socket<'_>>(socket).state(),
            tcp::State::Established | tcp::State::CloseWait
        )
    }
}

/// Sets or removes the board's address and the router.
fn configure(interface: &mut Interface, address: Option<Ipv4Cidr>, router: Option<Ipv4Addr>) {
    interface.update_ip_addrs(|addresses| {
        addresses.clear();
        // The capacity is one, and the list is empty.
        let _ = address.map(|address| addresses.push(IpCidr::Ipv4(address)));
    });
    interface.routes_mut().remove_default_ipv4_route();
    if let Some(router) = router {
        let _ = interface.routes_mut().add_default_ipv4_route(router);
    }
}

/// Moves frames, and sleeps in between, until `ready` returns a value or `deadline` has passed.
///
/// # Errors
/// [`ErrorKind::TimedOut`].
pub fn wait<T>(
    network: &RefCell<Network>,
    deadline: Instant,
    mut ready: impl FnMut(&mut Network) -> Option<T>,
) -> Result<T, ErrorKind> {
    loop {
        step(network, deadline)?;
        let mut network = network.borrow_mut();
        if let Some(value) = ready(&mut network) {
            return Ok(value);
        }
        clock::sleep(network.ethernet.mac);
    }
}

/// One step of [`wait`]. It is a function of its own, so that its code is in flash only once.
#[inline(never)]
fn step(network: &RefCell<Network>, deadline: Instant) -> Result<(), ErrorKind> {
    if clock::now() >= deadline {
        return Err(ErrorKind::TimedOut);
    }
    let mut network = network.borrow_mut();
    network.poll();
    network.relisten();
    Ok(())
}
