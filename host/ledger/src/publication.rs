//! The publication of the CA in the ledger: the number of its lists, and its public URLs.

use std::path::Path;

use minipki_ca::ports::LedgerError;
use minipki_ca::{NeedsUrl, PublicUrl, Publication, Shards};
use rusqlite::{Connection, TransactionBehavior};

use super::{Owner, StoreError, open};

/// The present publication.
pub(super) fn read(connection: &Connection) -> Result<Publication, StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("publication of the CA");
    let shards: i64 =
        connection.prepare_cached("SELECT crl_shards FROM owner")?.query_row([], |row| row.get(0))?;
    let shards = u32::try_from(shards).ok().and_then(Shards::new).ok_or(DAMAGED)?;
    let mut query = connection.prepare_cached("SELECT url FROM public_urls ORDER BY number DESC")?;
    let urls = query.query_map([], |row| row.get(0))?.collect::<Result<Vec<Option<String>>, _>>()?;
    let parse = |url: String| url.parse::<PublicUrl>().map_err(|_| DAMAGED);
    let mut urls = urls.into_iter().map(|url| url.map(parse).transpose());
    let url = urls.next().transpose()?.flatten();
    let mut former = Vec::new();
    for one in urls {
        former.extend(one?.filter(|one| url.as_ref() != Some(one) && !former.contains(one)));
    }
    Ok(Publication { shards, url, former })
}

/// Records the publication of a new CA. The caller commits.
pub(super) fn begin(connection: &Connection, publication: &Publication) -> Result<(), StoreError> {
    connection.execute("UPDATE owner SET crl_shards = ?1", [publication.shards.count()])?;
    match &publication.url {
        Some(url) => add(connection, Some(url)),
        None => Ok(()),
    }
}

/// Makes `url` the public URL in the ledger of `owner` in `folder`.
pub(super) fn set_url(folder: &Path, owner: &Owner, url: Option<&PublicUrl>) -> Result<(), LedgerError> {
    let mut connection = open::open_to_write(folder, owner)?;
    Ok(change(&mut connection, url).map_err(|error| error.in_ledger(&connection))??)
}

fn change(connection: &mut Connection, url: Option<&PublicUrl>) -> Result<Result<(), NeedsUrl>, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let present = read(&transaction)?;
    if url.is_none() && present.shards.are_several() {
        return Ok(Err(NeedsUrl));
    }
    if present.url.as_ref() != url {
        add(&transaction, url)?;
        transaction.commit()?;
    }
    Ok(Ok(()))
}

fn add(connection: &Connection, url: Option<&PublicUrl>) -> Result<(), StoreError> {
    connection.execute("INSERT INTO public_urls (url) VALUES (?1)", [url.map(PublicUrl::as_str)])?;
    Ok(())
}
