//! Follows a session: its current state, then each change, until it has ended.

use std::sync::Arc;

use entity::enrollment::Status;
use entity::ids::EnrollmentId;
use tokio_stream::Stream;

use super::{EnrollmentError, Enrollments, Session};
use crate::access::caller::Caller;
use crate::events::State;

impl State for Session {
    fn revision(&self) -> i32 {
        self.row.revision
    }

    fn is_final(&self) -> bool {
        self.row.status != Status::Open
    }
}

impl Enrollments {
    /// The current state of the session, then each change; ends when the session is no longer open.
    ///
    /// # Errors
    /// [`EnrollmentError::NotFound`] when the caller has no session with that id.
    pub async fn watch(
        &self,
        caller: Caller,
        id: EnrollmentId,
    ) -> Result<impl Stream<Item = Result<Arc<Session>, EnrollmentError>> + use<>, EnrollmentError> {
        let (enrollments, topic) = (self.clone(), Self::topic(&caller, id));
        let read = move || {
            let (enrollments, caller) = (enrollments.clone(), caller.clone());
            async move { Ok(enrollments.sessions(&caller, &[id]).await?.pop()) }
        };
        self.bus.follow(topic, read).await?.ok_or(EnrollmentError::NotFound)
    }
}
