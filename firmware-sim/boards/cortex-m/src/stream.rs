//! The application's TCP connection: reads and writes that end by a deadline.

use core::cell::RefCell;
use core::time::Duration;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use minipki_device_app::Stream;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{RecvError, Socket, State};
use smoltcp::time::Instant;

use crate::clock;
use crate::network::{Network, wait};

/// The time limit for a peer to acknowledge the end.
const LINGER: Duration = Duration::from_millis(200);

/// One of the network's sockets. A drop resets the connection.
pub struct TcpStream {
    network: &'static RefCell<Network>,
    socket: SocketHandle,
    deadline: Instant,
}

/// The time `within` from now.
pub(crate) fn deadline(within: Duration) -> Instant {
    clock::now() + within.into()
}

/// The result of connecting a socket; `None` while it is not known.
pub fn connected(socket: &Socket<'_>) -> Option<Result<(), ErrorKind>> {
    match socket.state() {
        State::SynSent | State::SynReceived => None,
        State::Closed => Some(Err(ErrorKind::ConnectionRefused)),
        _ => Some(Ok(())),
    }
}

/// Takes the bytes that a socket has received; `None` if there are none yet.
pub fn receive(socket: &mut Socket<'_>, buffer: &mut [u8]) -> Option<Result<usize, ErrorKind>> {
    match socket.recv_slice(buffer) {
        Ok(0) if !buffer.is_empty() => None,
        Ok(n) => Some(Ok(n)),
        Err(RecvError::Finished) => Some(Ok(0)),
        Err(RecvError::InvalidState) => Some(Err(ErrorKind::ConnectionReset)),
    }
}

/// Gives a socket bytes to send; `None` if it has no room yet.
pub fn send(socket: &mut Socket<'_>, bytes: &[u8]) -> Option<Result<usize, ErrorKind>> {
    match socket.send_slice(bytes) {
        Ok(0) if !bytes.is_empty() => None,
        Ok(n) => Some(Ok(n)),
        Err(_) => Some(Err(ErrorKind::ConnectionReset)),
    }
}

impl TcpStream {
    pub(crate) const fn new(
        network: &'static RefCell<Network>,
        socket: SocketHandle,
        deadline: Instant,
    ) -> Self {
        Self { network, socket, deadline }
    }

    /// Waits until `ready` returns a result.
    pub(crate) fn wait<T>(
        &mut self,
        mut ready: impl FnMut(&mut Socket<'static>) -> Option<Result<T, ErrorKind>>,
    ) -> Result<T, ErrorKind> {
        wait(self.network, self.deadline, |network| ready(network.socket(self.socket)))?
    }
}

impl ErrorType for TcpStream {
    type Error = ErrorKind;
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.wait(|socket| receive(socket, buffer))
    }
}

impl Write for TcpStream {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.wait(|socket| send(socket, bytes))
    }

    /// Sends the bytes that the peer has room for. The rest follows while the device waits for the answer.
    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.wait(|socket| Some(if socket.may_send() { Ok(()) } else { Err(ErrorKind::ConnectionReset) }))?;
        self.network.borrow_mut().poll();
        Ok(())
    }
}

impl Stream for TcpStream {
    fn set_deadline(&mut self, within: Duration) {
        self.deadline = deadline(within);
    }

    fn close(mut self) {
        // The remaining bytes have time until the deadline, the end of the connection only a short time.
        let _ = self.wait(|socket| (socket.send_queue() == 0 || !socket.may_send()).then_some(Ok(())));
        self.network.borrow_mut().socket(self.socket).close();
        self.deadline = deadline(LINGER);
        let _ = self.wait(|socket| {
            // Bytes from the peer are still received: otherwise a reset could destroy our last bytes.
            let _ = socket.recv(|bytes| (bytes.len(), ()));
            matches!(socket.state(), State::Closed | State::TimeWait).then_some(Ok(()))
        });
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.network.borrow_mut().release(self.socket);
    }
}
