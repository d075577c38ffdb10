//! Takes in a request that brings bytes, whatever they are for: looks for what it led to before, stores the bytes, looks
//! again within the write that decides, and commits.

use sea_orm::{ConnectionTrait, DbErr};

use crate::store::database::{Database, Write};

/// What there is already for a request.
pub(crate) enum Found<R> {
    /// The request's idempotency key led to it before.
    Repeat(R),
    /// Another request asked for the same. This request's key leads to it from now on.
    Same(R),
}

/// A request that brings bytes.
pub(crate) trait Intake: Send {
    /// What it leads to.
    type Kept: Send;

    /// Why it is refused.
    type Error: From<DbErr> + Send;

    /// What the request led to before; fails when it cannot be taken in at all.
    fn find<C: ConnectionTrait>(
        &self,
        database: &C,
    ) -> impl Future<Output = Result<Option<Found<Self::Kept>>, Self::Error>> + Send;

    /// Stores the bytes.
    fn store(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Inserts the rows and all that goes with them: job, idempotency key, audit entry.
    fn insert(&mut self, write: &mut Write) -> impl Future<Output = Result<Self::Kept, Self::Error>> + Send;

    /// Lets the key lead to what another request asked for.
    fn adopt(
        &mut self,
        _write: &mut Write,
        _same: &Self::Kept,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        async { Ok(()) }
    }

    /// Removes the bytes again.
    fn discard(&mut self) -> impl Future<Output = ()> + Send;
}

/// Takes `intake` in, once: what it leads to is committed when this returns. When it fails, its bytes are removed again;
/// those of a failed commit or a cancelled request are removed by the cleanup.
pub(crate) async fn take_in<I: Intake>(database: &Database, intake: &mut I) -> Result<I::Kept, I::Error> {
    // A first look keeps repeated and refused requests off the disk; the write below decides.
    let mut is_stored = match intake.find(database.reader()).await? {
        Some(Found::Repeat(kept)) => return Ok(kept),
        Some(Found::Same(_)) => false,
        None => store(intake).await?,
    };
    loop {
        match decide(database, intake, is_stored).await {
            Ok(Decision::New(write, kept)) => {
                // When this fails the rows may still be there: the cleanup finds bytes without an owner.
                write.commit().await?;
                return Ok(kept);
            }
            // What was found first is gone by now.
            Ok(Decision::StoreFirst) => is_stored = store(intake).await?,
            Ok(Decision::Found(kept)) => {
                if is_stored {
                    intake.discard().await;
                }
                return Ok(kept);
            }
            Err(error) => {
                if is_stored {
                    intake.discard().await;
                }
                return Err(error);
            }
        }
    }
}

/// What a look within a write comes to.
enum Decision<R> {
    /// The request is inserted; the commit is all that is missing.
    New(Write, R),
    /// There is something already.
    Found(R),
    /// The request is new, and its bytes are not stored yet.
    StoreFirst,
}

async fn decide<I: Intake>(
    database: &Database,
    intake: &mut I,
    is_stored: bool,
) -> Result<Decision<I::Kept>, I::Error> {
    let mut write = database.write().await?;
    match intake.find(&*write).await? {
        Some(Found::Repeat(kept)) => Ok(Decision::Found(kept)),
        Some(Found::Same(kept)) => {
            intake.adopt(&mut write, &kept).await?;
            write.commit().await?;
            Ok(Decision::Found(kept))
        }
        None if !is_stored => Ok(Decision::StoreFirst),
        None => {
            let kept = intake.insert(&mut write).await?;
            Ok(Decision::New(write, kept))
        }
    }
}

async fn store<I: Intake>(intake: &mut I) -> Result<bool, I::Error> {
    let stored = intake.store().await;
    if stored.is_err() {
        intake.discard().await;
    }
    stored.map(|()| true)
}
