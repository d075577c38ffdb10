//! Distinguishes storage failures from statements that the database rejected.

use std::borrow::Cow;

use sea_orm::sqlx::Error as SqlxError;
use sea_orm::{DbErr, RuntimeErr};

/// SQLite's primary result codes for storage failures: BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN,
/// PROTOCOL and NOTADB. Source: <https://www.sqlite.org/rescode.html>.
const STORAGE_CODES: [u32; 10] = [5, 6, 7, 8, 10, 11, 13, 14, 15, 26];

/// Whether the storage failed, so that the same work may succeed later.
#[must_use]
pub fn is_storage_fault(error: &DbErr) -> bool {
    let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = error else {
        return matches!(error, DbErr::ConnectionAcquire(_));
    };
    match cause {
        RuntimeErr::SqlxError(error) => match &**error {
            SqlxError::Database(error) => error.code().as_deref().is_some_and(is_storage_code),
            SqlxError::RowNotFound | SqlxError::ColumnNotFound(_) | SqlxError::ColumnDecode { .. } => false,
            _ => true,
        },
        RuntimeErr::Internal(_) => true,
    }
}

/// `code` is an extended result code, whose lowest byte is the primary code.
fn is_storage_code(code: &str) -> bool {
    code.parse::<u32>().is_ok_and(|code| STORAGE_CODES.contains(&(code & 0xff)))
}

/// A storage failure reported by FaceQL itself.
pub(super) fn storage_fault(message: impl Into<Cow<'static, str>>) -> DbErr {
    DbErr::Exec(RuntimeErr::Internal(message.into().into_owned()))
}
