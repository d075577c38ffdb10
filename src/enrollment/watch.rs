//! Follows a session: its present state, then each change, until it has ended.

use std::sync::Arc;

use async_stream::try_stream;
use entity::enrollment::Status;
use entity::ids::EnrollmentId;
use tokio_stream::Stream;

use super::{EnrollmentError, Enrollments, Session};
use crate::caller::Caller;
use crate::events::Received;

impl Enrollments {
    /// The session now, then after each change; ends when it is no longer open. A follower that lags gets the newest
    /// state; the revision may jump then.
    ///
    /// # Errors
    /// [`EnrollmentError::NotFound`] when the caller has none by that id.
    pub async fn watch(
        &self,
        caller: Caller,
        id: EnrollmentId,
    ) -> Result<impl Stream<Item = Result<Arc<Session>, EnrollmentError>> + use<>, EnrollmentError> {
        // Subscribe before reading, or what happens between the two is lost.
        let mut subscription = self.bus.subscribe(Self::topic(&caller, id));
        let mut session = Arc::new(self.session(&caller, id).await?);
        let enrollments = self.clone();
        Ok(try_stream! {
            yield session.clone();
            while session.row.status == Status::Open {
                let next = match subscription.next().await {
                    Received::Event(next) => Arc::clone(next.as_ref()),
                    Received::Lagged => match enrollments.session(&caller, id).await {
                        Err(EnrollmentError::NotFound) => return,
                        present => Arc::new(present?),
                    },
                };
                if next.row.revision > session.row.revision {
                    session = next;
                    yield session.clone();
                }
            }
        })
    }
}
