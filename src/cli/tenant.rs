//! Whose people a command is about.

use clap::Args;
use entity::ids::Tenant;

use crate::caller::{ANONYMOUS_TENANT, Actor, Caller, Scopes};

/// Names a tenant.
#[derive(Args)]
pub(super) struct TenantArgs {
    /// The tenant, as keys name it; `default` is who needs no key.
    #[arg(long, value_name = "TENANT", default_value = ANONYMOUS_TENANT, value_parser = parse)]
    pub(super) tenant: Tenant,
}

impl TenantArgs {
    /// The shell acts for the tenant, who may do everything.
    pub(super) fn caller(&self) -> Caller {
        Caller::lasting(self.tenant.clone(), Scopes::ALL, Actor::Shell)
    }
}

fn parse(name: &str) -> Result<Tenant, String> {
    Tenant::parse(name).ok_or_else(|| "a tenant's name has 1 to 63 of a-z, 0-9, - and _".into())
}
