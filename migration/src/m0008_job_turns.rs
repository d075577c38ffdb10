//! Tenants take turns in the job queue. The order of waiting jobs is a number instead of a time, and a pause after a
//! failure holds a job as a lease does.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("jobs_by_turn").table("jobs").to_owned()).await?;
        let held = Table::alter().table("jobs").rename_column("lease_until", "held_until").to_owned();
        manager.alter_table(held).await?;
        let place = Table::alter().table("jobs").add_column(big_integer("place").default(0)).to_owned();
        manager.alter_table(place).await?;
        manager.get_connection().execute_unprepared(PLACES).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["jobs_by_turn", "jobs_by_place", "jobs_by_lease", "jobs_by_pause"] {
            manager.drop_index(Index::drop().name(name).table("jobs").to_owned()).await?;
        }
        // The older version represents a pause by `run_at` alone.
        manager.get_connection().execute_unprepared(UNHOLD_PAUSES).await?;
        let jobs = Table::alter().table("jobs").drop_column("place").to_owned();
        manager.alter_table(jobs).await?;
        let lease = Table::alter().table("jobs").rename_column("held_until", "lease_until").to_owned();
        manager.alter_table(lease).await?;
        let turn =
            Index::create().name("jobs_by_turn").table("jobs").col("lease_until").col("run_at").to_owned();
        manager.create_index(turn).await
    }
}

const PLACES: &str = "\
    UPDATE jobs SET place = ordered.place \
    FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY run_at, id) AS place FROM jobs) AS ordered \
    WHERE jobs.id = ordered.id";

const UNHOLD_PAUSES: &str = "UPDATE jobs SET held_until = NULL WHERE lease_token IS NULL";

fn indexes() -> Vec<IndexCreateStatement> {
    let on = |name: &str| Index::create().name(name).table("jobs").to_owned();
    let (held, leased) = (Expr::col("held_until"), Expr::col("lease_token"));
    let by_turn = on("jobs_by_turn")
        .col("kind")
        .col("tenant")
        .col(("priority", IndexOrder::Desc))
        .col("place")
        .to_owned();
    let by_hold = |name: &str| on(name).col("kind").col("held_until").to_owned();
    vec![
        by_turn.clone().cond_where(held.clone().is_null()).to_owned(),
        on("jobs_by_place").col("place").to_owned(),
        by_hold("jobs_by_lease").cond_where(leased.clone().is_not_null()).to_owned(),
        by_hold("jobs_by_pause").cond_where(leased.is_null().and(held.is_not_null())).to_owned(),
    ]
}
