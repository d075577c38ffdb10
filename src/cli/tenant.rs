//! The tenant on which a command operates.

use clap::Args;
use entity::ids::Tenant;

use super::Fault;
use crate::access::caller::{ANONYMOUS_TENANT, Caller, Scopes};
use crate::access::database_secret;
use crate::actor::Actor;
use crate::audit::AuditLog;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::database::Database;

/// The `--tenant` option.
#[derive(Args)]
pub(super) struct TenantArgs {
    /// The tenant to work on; `default` is the tenant of callers without a key.
    #[arg(long, value_name = "TENANT", default_value = ANONYMOUS_TENANT, value_parser = parse)]
    pub(super) tenant: Tenant,
}

impl TenantArgs {
    /// A caller for this tenant with all scopes. The audit log records its actions under the name `command`.
    pub(super) async fn caller(
        &self,
        config: &Config,
        database: &Database,
        command: &str,
    ) -> Result<Caller, Fault> {
        let secret = database_secret::secret_of(database, &config.secret).await?;
        let log = AuditLog::of_writes(database.clone(), &secret, Clock::system());
        let caller = Caller::lasting(self.tenant.clone(), Scopes::ALL, Actor::Shell);
        let trail = log.trail_of_command(&caller.tenant, caller.actor.to_string(), command);
        Ok(Caller { trail, ..caller })
    }
}

fn parse(name: &str) -> Result<Tenant, String> {
    Tenant::parse(name).ok_or_else(|| "a tenant's name has 1 to 63 of a-z, 0-9, - and _".into())
}
