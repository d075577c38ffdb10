//! Guided enrollment: a session with a time limit that accepts frames one by one, reports what to improve about each,
//! and enrolls a person from the good ones.
//!
//! Called by `graphql::enrollment`. Uses `people` to judge and enroll frames. Independent of GraphQL.

mod error;
mod expire;
mod frame;
mod session;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use entity::ids::EnrollmentId;
use entity::{enrollment, enrollment_frame};

use crate::access::caller::Caller;
use crate::clock::Clock;
use crate::events::{Bus, Change, Topic};
use crate::people::People;
use crate::settings::section;
use crate::store::database::{Database, Write};

pub use error::{EnrollmentError, FrameRejection};
pub use frame::stored_rejection;
pub use session::Start;

section! {
    /// Settings of enrollment sessions.
    #[derive(Clone, Debug)]
    pub struct EnrollmentConfig {
        /// How long an ended enrollment session can still be read. Its frames are deleted immediately.
        pub retention: Duration = seconds("FACEQL_ENROLLMENT_RETENTION_SECONDS", 86_400, 0..=31_536_000),
    }
}

/// A session with its frames, as published to subscribers.
#[derive(Clone, Debug)]
pub struct Session {
    /// Database row of the session.
    pub row: enrollment::Model,
    /// The frames in order; empty once the session has ended.
    pub frames: Vec<enrollment_frame::Model>,
}

/// The domain of guided enrollment. Clones share the same state.
#[derive(Clone)]
pub struct Enrollments {
    /// Stores sessions and frames.
    pub database: Database,
    /// Judges frames and enrolls them as faces.
    pub people: People,
    /// Publishes changes to subscribers.
    pub bus: Bus<Change<Session>>,
    /// Source of the current time.
    pub clock: Clock,
    /// Settings of enrollment sessions.
    pub config: EnrollmentConfig,
}

impl Enrollments {
    fn topic(caller: &Caller, id: EnrollmentId) -> Topic {
        Topic { tenant: caller.tenant.clone(), node: id.0 }
    }

    /// Publishes the changed session after `write` is committed.
    fn announce(&self, write: &mut Write, session: &Arc<Session>) {
        let (bus, session) = (self.bus.clone(), session.clone());
        let topic = Topic { tenant: session.row.tenant.clone(), node: session.row.id.0 };
        write.after_commit(move || bus.publish(&topic, Change::State(session)));
    }
}
