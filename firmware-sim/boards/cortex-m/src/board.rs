//! The chip, its network and the host behind it, as the application's `Board`.

use core::cell::RefCell;
use core::fmt;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;

use embedded_io::ErrorKind;
use minipki_core::crypto::Provider;
use minipki_core::time::{Now, UnixTime};
use minipki_device_app::{Board, MADE, Record, StorageError};
use smoltcp::time::Instant;

use crate::entropy::HostEntropy;
use crate::network::{Network, wait};
use crate::semihosting;
use crate::storage::Storage;
use crate::stream::{TcpStream, connected, deadline};

/// The board, and the provider that computes on it.
pub struct CortexM<C> {
    crypto: C,
    network: &'static RefCell<Network>,
    entropy: HostEntropy,
    storage: Storage,
    has_clock: bool,
    /// The deadline of [`Board::accept`].
    listen_until: Option<Instant>,
}

impl<C: Provider> CortexM<C> {
    /// Joins the parts. Without a clock the lower bound of the time is the date of the firmware.
    pub const fn new(
        crypto: C,
        network: &'static RefCell<Network>,
        entropy: HostEntropy,
        storage: Storage,
        has_clock: bool,
    ) -> Self {
        Self { crypto, network, entropy, storage, has_clock, listen_until: None }
    }

    /// Waits for an address.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`].
    pub fn address(&mut self, within: Duration) -> Result<Ipv4Addr, ErrorKind> {
        wait(self.network, deadline(within), |network| network.address())
    }
}

impl<C: Provider> Board for CortexM<C> {
    type Crypto = C;
    type Address = SocketAddrV4;
    type Stream = TcpStream;
    type Rng = HostEntropy;

    fn crypto(&self) -> C {
        self.crypto
    }

    fn connect(&mut self, to: SocketAddrV4, within: Duration) -> Result<TcpStream, ErrorKind> {
        let deadline = deadline(within);
        let socket = self.network.borrow_mut().connect(to)?;
        let mut stream = TcpStream::new(self.network, socket, deadline);
        stream.wait(|socket| connected(socket))?;
        Ok(stream)
    }

    fn listen(&mut self, on: SocketAddrV4, within: Duration) -> Result<SocketAddrV4, ErrorKind> {
        self.listen_until = Some(deadline(within));
        let mut network = self.network.borrow_mut();
        let port = network.listen(on.port())?;
        let address = network.address().ok_or(ErrorKind::AddrNotAvailable)?;
        Ok(SocketAddrV4::new(address, port))
    }

    fn accept(&mut self) -> Result<TcpStream, ErrorKind> {
        let deadline = self.listen_until.ok_or(ErrorKind::InvalidInput)?;
        let socket = wait(self.network, deadline, Network::accept)?;
        Ok(TcpStream::new(self.network, socket, deadline))
    }

    fn entropy(&mut self) -> &mut HostEntropy {
        &mut self.entropy
    }

    fn now(&mut self) -> Now {
        let seconds = self.has_clock.then(|| u64::from(semihosting::time()));
        match seconds.map(UnixTime::new) {
            Some(Ok(now)) => Now::Exact(now),
            _ => Now::AtLeast(MADE),
        }
    }

    fn load(&mut self, record: Record, buffer: &mut [u8]) -> Result<Option<usize>, StorageError> {
        self.storage.load(record, buffer)
    }

    fn store(&mut self, record: Record, bytes: &[u8]) -> Result<(), StorageError> {
        self.storage.store(record, bytes)
    }

    fn reserve(&mut self, record: Record) -> Result<(), StorageError> {
        self.storage.reserve(record)
    }

    fn report(&mut self, line: fmt::Arguments<'_>) {
        semihosting::print(line);
    }
}
