//! Guided enrollment: a session with a time limit that takes frame after frame, says of each what to change, and makes
//! a person of the good ones.
//!
//! Called by `graphql::enrollment`. Builds on `people`, which judges frames and enrolls them. Knows no GraphQL.

mod error;
mod expire;
mod frame;
mod session;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use entity::ids::EnrollmentId;
use entity::{enrollment, enrollment_frame};

use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::{Setting, Settings};
use crate::database::{Database, Write};
use crate::events::{Bus, Change, Topic};
use crate::people::People;

pub use error::{EnrollmentError, FrameRejection};
pub use frame::stored_rejection;
pub use session::Start;

/// How sessions are kept.
#[derive(Clone, Debug)]
pub struct EnrollmentConfig {
    /// How long a session that has ended can still be read.
    pub retention: Duration,
}

impl EnrollmentConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let retention = Setting {
            name: "FACEQL_ENROLLMENT_RETENTION_SECONDS",
            about: "How long an enrollment session that has ended can still be read; its frames are gone at once.",
        };
        Self { retention: settings.seconds(retention, 86_400, 0..=31_536_000) }
    }
}

/// A session with its frames, as subscribers see it.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its row.
    pub row: enrollment::Model,
    /// Its frames in order; none once it has ended.
    pub frames: Vec<enrollment_frame::Model>,
}

/// The domain of guided enrollment. Cloning shares it.
#[derive(Clone)]
pub struct Enrollments {
    /// Rows.
    pub database: Database,
    /// Judges frames, and takes them in as faces.
    pub people: People,
    /// Who hears of changes.
    pub bus: Bus<Change<Session>>,
    /// The time.
    pub clock: Clock,
    /// Times.
    pub config: EnrollmentConfig,
}

impl Enrollments {
    fn topic(caller: &Caller, id: EnrollmentId) -> Topic {
        Topic { tenant: caller.tenant.clone(), node: id.0 }
    }

    /// Tells of a change once `write` is committed.
    fn announce(&self, write: &mut Write, session: &Arc<Session>) {
        let (bus, session) = (self.bus.clone(), session.clone());
        let topic = Topic { tenant: session.row.tenant.clone(), node: session.row.id.0 };
        write.after_commit(move || bus.publish(&topic, Change::State(session)));
    }
}
