//! The address of the CA, which the folder of an identity keeps in `ca.json` for later requests.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::IdentityError;
use minipki_os::files::{self, Others};

/// The file.
pub(super) const CA: &str = "ca.json";

/// The content of the file.
#[derive(Deserialize, Serialize)]
struct Content {
    address: String,
}

/// Stores the address `host:port` in the folder of an identity.
///
/// # Errors
/// [`IdentityError::Io`].
pub fn store_ca_address(folder: &Path, address: &str) -> Result<(), IdentityError> {
    let path = folder.join(CA);
    let content = serde_json::json!(Content { address: address.to_owned() }).to_string();
    files::replace(&path, content.as_bytes(), files::PUBLIC).map_err(|e| IdentityError::write(&path, e))
}

/// The stored address; `None` if the folder has none that can be read.
pub fn load_ca_address(folder: &Path) -> Option<String> {
    let text = files::read(&folder.join(CA), Others::Read).ok()?;
    serde_json::from_slice::<Content>(&text).ok().map(|content| content.address)
}
