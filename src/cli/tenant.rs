//! Whose people a command is about.

use clap::Args;
use entity::ids::Tenant;

use super::Fault;
use crate::audit::AuditLog;
use crate::caller::{ANONYMOUS_TENANT, Actor, Caller, Scopes};
use crate::clock::Clock;
use crate::config::Config;
use crate::database::Database;
use crate::identity;

/// Names a tenant.
#[derive(Args)]
pub(super) struct TenantArgs {
    /// The tenant, as keys name it; `default` is who needs no key.
    #[arg(long, value_name = "TENANT", default_value = ANONYMOUS_TENANT, value_parser = parse)]
    pub(super) tenant: Tenant,
}

impl TenantArgs {
    /// The shell acts for the tenant, who may do everything. The audit log calls what it does by the `command`.
    pub(super) async fn caller(
        &self,
        config: &Config,
        database: &Database,
        command: &str,
    ) -> Result<Caller, Fault> {
        let secret = identity::secret_of(database, &config.secret).await?;
        let log = AuditLog::of_writes(database.clone(), &secret, Clock::system());
        let caller = Caller::lasting(self.tenant.clone(), Scopes::ALL, Actor::Shell);
        let trail = log.trail_of_command(&caller.tenant, caller.actor.to_string(), command);
        Ok(Caller { trail, ..caller })
    }
}

fn parse(name: &str) -> Result<Tenant, String> {
    Tenant::parse(name).ok_or_else(|| "a tenant's name has 1 to 63 of a-z, 0-9, - and _".into())
}
