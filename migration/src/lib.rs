//! The database schema, one file per migration. A released migration is never edited.

use sea_orm_migration::prelude::*;

mod m0001_verification;
mod m0002_people;
mod m0003_detections;
mod m0004_contours;
mod m0005_api_keys;
mod m0006_audit;
mod m0007_job_trace;
mod m0008_job_turns;
mod m0010_identity;
mod m0011_audit_times;
mod m0012_name_keys;
mod m0013_detections_removed;
mod whole;

use whole::Whole;

/// Runs the migrations in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let steps: Vec<Box<dyn MigrationTrait>> = vec![
            Box::new(m0001_verification::Step),
            Box::new(m0002_people::Step),
            Box::new(m0003_detections::Step),
            Box::new(m0004_contours::Step),
            Box::new(m0005_api_keys::Step),
            Box::new(m0006_audit::Step),
            Box::new(m0007_job_trace::Step),
            Box::new(m0008_job_turns::Step),
            Box::new(m0010_identity::Step),
            Box::new(m0011_audit_times::Step),
            Box::new(m0012_name_keys::Step),
            Box::new(m0013_detections_removed::Step),
        ];
        steps.into_iter().map(|step| Box::new(Whole(step)) as Box<dyn MigrationTrait>).collect()
    }
}
