//! The protobuf contracts as Rust, generated at build time from `proto/`. Nothing here is written
//! by hand; the comments are those of the `.proto` files.
#![expect(
    clippy::large_enum_variant,
    reason = "generated code keeps its own style"
)]

/// The compiled contracts, imports and custom options included.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/switchover.binpb"));

/// Who may call an RPC.
pub mod access {
    pub mod v1 {
        tonic::include_proto!("switchover.access.v1");
    }
}

/// Who changed what.
pub mod audit {
    pub mod v1 {
        tonic::include_proto!("switchover.audit.v1");
    }
}

/// Applications, versions, switches, the fleet.
pub mod catalog {
    pub mod v1 {
        tonic::include_proto!("switchover.catalog.v1");
    }
}

/// Tenants, provisionings, consent, grants.
pub mod provisioning {
    pub mod v1 {
        tonic::include_proto!("switchover.provisioning.v1");
    }
}

/// Inboxes, events, deliveries.
pub mod notification {
    pub mod v1 {
        tonic::include_proto!("switchover.notification.v1");
    }
}

/// What one gateway knows and does.
pub mod gateway {
    pub mod v1 {
        tonic::include_proto!("switchover.gateway.v1");
    }
}
