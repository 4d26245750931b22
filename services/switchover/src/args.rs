//! Arguments as people type them, parsed into what the contracts want: short ids where names are
//! expected, durations, pairs, files.

mod names;
mod values;

pub use names::{
    ApplicationArg, CredentialArg, DeliveryArg, EventArg, GatewayArg, ProvisioningArgs, SwitchArgs,
    SwitchChoice, TenantApplicationArgs, TenantArg, VersionArgs,
};
pub use values::{Contact, Icon, Paging, Reason, RoleArg, Statuses, Time};

#[cfg(test)]
mod tests;
