//! The domains that resolvers call.

use crate::containers::Containers;
use crate::contours::Contours;
use crate::detection::Detections;
use crate::enrollment::Enrollments;
use crate::people::People;

/// The domains, as handed to the schema.
#[derive(Clone)]
pub struct Domains {
    /// Containers and images.
    pub containers: Containers,
    /// People and faces.
    pub people: People,
    /// Guided enrollment.
    pub enrollments: Enrollments,
    /// Detection jobs and the detection feed.
    pub detections: Detections,
    /// Contour jobs.
    pub contours: Contours,
}
