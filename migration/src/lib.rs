//! The schema, one file a step. A step that has shipped is never edited.

use sea_orm_migration::prelude::*;

mod m0001_verification;

/// Runs the steps in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_verification::Step)]
    }
}
