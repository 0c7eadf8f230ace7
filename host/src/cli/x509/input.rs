//! The certificates and CRLs of a verification, with their files.

use std::path::PathBuf;

use minipki_core::encoding::der::DerError;
use minipki_core::x509::{Certificate, Crl, Place, TrustAnchor};

use super::super::{CliError, output};
use super::files::{self, Kind, Source};

/// The certificates of a verification.
pub(super) struct Input<'a> {
    pub(super) certificate: (&'a Source, &'a Certificate<'a>),
    pub(super) intermediates: (Vec<&'a Source>, &'a [Certificate<'a>]),
    pub(super) anchors: (Vec<&'a Source>, &'a [TrustAnchor<'a>]),
    pub(super) crls: (Vec<&'a Source>, &'a [Crl<'a>]),
}

impl<'a> Input<'a> {
    /// The certificate at a place, and its file.
    pub(super) fn at(&self, place: Place) -> Option<(&'a Source, &'a Certificate<'a>)> {
        match place {
            Place::EndEntity => Some(self.certificate),
            Place::Intermediate(at) => {
                self.intermediates.0.get(at).copied().zip(self.intermediates.1.get(at))
            }
            Place::Anchor(at) => {
                let anchor = self.anchors.1.get(at).and_then(TrustAnchor::certificate);
                self.anchors.0.get(at).copied().zip(anchor)
            }
        }
    }
}

/// Reads all objects of one kind in these files.
pub(super) fn read_all(paths: &[PathBuf], kind: Kind) -> Result<Vec<Source>, CliError> {
    let read = paths.iter().map(|path| files::read(path, kind));
    Ok(read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The objects that are well formed. The others are named, and not used.
pub(super) fn usable<'a, T: 'a>(
    sources: impl IntoIterator<Item = &'a Source>,
    parse: fn(&'a [u8]) -> Result<T, DerError>,
) -> impl Iterator<Item = (&'a Source, T)> {
    sources.into_iter().filter_map(move |source| match parse(&source.der) {
        Ok(object) => Some((source, object)),
        Err(error) => {
            output::say(format_args!("not used: {source}: {}", source.describe(error)));
            None
        }
    })
}
