//! The socket in the CA's folder where `minipki console link` gets a link from a running console.
//!
//! Only the owner of the folder can enter it, so the permissions of the folder protect the socket. The console also
//! checks the user at the other end.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use miette::Diagnostic;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

use minipki_os::files::quoted;
use minipki_server::{CaKey, CaService};

/// The name of the socket in the folder.
const LINK_SOCKET: &str = "console.sock";

/// The time between two looks for the folder, while there is no CA in it.
const WAIT: Duration = Duration::from_millis(500);

/// The time limit for one link.
const DEADLINE: Duration = Duration::from_secs(2);

/// The socket. Its file is removed when this is dropped.
struct LinkSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl LinkSocket {
    /// Listens in `folder`, unless another console does. A file that a killed console has left is replaced.
    fn bind(folder: &Path) -> io::Result<Self> {
        let path = folder.join(LINK_SOCKET);
        match StdUnixStream::connect(&path) {
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(&path)?,
            Err(_) => {}
        }
        Ok(Self { listener: UnixListener::bind(&path)?, path })
    }
}

impl Drop for LinkSocket {
    fn drop(&mut self) {
        // A file that stays is replaced at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// Gives a link to each caller of the owner of the CA's folder. Waits for the folder first: the console can make the CA.
/// It never ends. Without the socket, the console prints links when it gets SIGUSR1.
pub(crate) async fn serve(service: &CaService, make: impl Fn() -> Option<String>) {
    while !matches!(service.key(), CaKey::Ready(_)) {
        sleep(WAIT).await;
    }
    let socket = match LinkSocket::bind(service.dir()) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "the command `minipki console link` cannot be used with this console");
            return std::future::pending().await;
        }
    };
    let owner = fs::metadata(service.dir()).map(|folder| folder.uid()).ok();
    loop {
        match socket.listener.accept().await {
            Ok((stream, _)) => answer(stream, owner, &make).await,
            Err(_) => sleep(WAIT).await,
        }
    }
}

async fn answer(mut stream: UnixStream, owner: Option<u32>, make: impl Fn() -> Option<String>) {
    let caller = stream.peer_cred().map(|peer| peer.uid()).ok();
    // The superuser can do everything on this machine anyway.
    if caller.is_none() || (caller != owner && caller != Some(0)) {
        return;
    }
    if let Some(link) = make() {
        // The caller may have gone.
        let _ = timeout(DEADLINE, stream.write_all(format!("{link}\n").as_bytes())).await;
    }
}

/// The reason why there is no link.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LinkError {
    /// No console runs on the folder.
    #[error("no console runs on {}", quoted(.0))]
    #[diagnostic(help("start one: minipki console --dir {}", quoted(.0)))]
    NoConsole(PathBuf),
    /// The console does not answer this user.
    #[error("the console on {} gave no link", quoted(.0))]
    #[diagnostic(help("run this command as the user that runs the console"))]
    NoLink(PathBuf),
    /// The socket cannot be used.
    #[error("{} cannot be used: {source}", quoted(path))]
    #[diagnostic(help("run this command as the user that runs the console"))]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// A new link of the console that runs on the folder `dir`.
///
/// # Errors
/// [`LinkError`].
pub fn request_link(dir: &Path) -> Result<String, LinkError> {
    let path = dir.join(LINK_SOCKET);
    let mut stream = StdUnixStream::connect(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => LinkError::NoConsole(dir.to_owned()),
        _ => LinkError::Socket { path: path.clone(), source },
    })?;
    let mut text = String::new();
    let read = stream.set_read_timeout(Some(2 * DEADLINE)).and_then(|()| stream.read_to_string(&mut text));
    match read {
        Ok(_) if text.trim().is_empty() => Err(LinkError::NoLink(dir.to_owned())),
        Ok(_) => Ok(text.trim().to_owned()),
        Err(source) => Err(LinkError::Socket { path, source }),
    }
}
