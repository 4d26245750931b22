use std::collections::BTreeMap;

use super::*;
use crate::caller::Identity;

#[test]
fn every_method_of_our_contracts_says_who_may_call_it() {
    let rules = Rules::from_descriptors(proto::DESCRIPTOR_SET).unwrap_or_else(|e| panic!("{e}"));
    assert!(rules.methods().any(|method| method == HEALTH[0].0));
}

/// A pool with one service whose only method carries the given option, as wire bytes.
fn contracts(option: Option<Vec<u8>>) -> Vec<u8> {
    let mut pool = DescriptorPool::decode(proto::DESCRIPTOR_SET).unwrap();
    let bytes = |tag: u8, payload: &[u8]| {
        let mut field = vec![tag << 3 | 2];
        field.push(u8::try_from(payload.len()).unwrap());
        field.extend_from_slice(payload);
        field
    };
    // FieldDescriptorProto: name = 1, number = 3, label = 4, type = 5.
    let text_field = [bytes(1, b"name"), vec![3 << 3, 1, 4 << 3, 1, 5 << 3, 9]].concat();
    let request = [bytes(1, b"Request"), bytes(2, &text_field)].concat();
    let options = option.map(|access| {
        // The extension's number is 50101, a length-delimited field.
        let mut options = vec![0xaa, 0xbb, 0x18, u8::try_from(access.len()).unwrap()];
        options.extend(access);
        bytes(4, &options)
    });
    let method = [
        bytes(1, b"Do"),
        bytes(2, b".switchover.sample.v1.Request"),
        bytes(3, b".switchover.sample.v1.Request"),
        options.unwrap_or_default(),
    ]
    .concat();
    let service = [bytes(1, b"Sample"), bytes(2, &method)].concat();
    let file = [
        bytes(1, b"switchover/sample/v1/sample.proto"),
        bytes(2, b"switchover.sample.v1"),
        bytes(3, b"switchover/access/v1/access.proto"),
        bytes(4, &request),
        bytes(6, &service),
        bytes(12, b"proto3"),
    ]
    .concat();
    pool.decode_file_descriptor_proto(file.as_slice()).unwrap();
    pool.encode_to_vec()
}

/// `Access { roles, owned_field }` on the wire.
fn access(roles: &[u8], owned: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![1 << 3 | 2, u8::try_from(roles.len()).unwrap()];
    bytes.extend(roles);
    if !owned.is_empty() {
        bytes.extend([2 << 3 | 2, u8::try_from(owned.len()).unwrap()]);
        bytes.extend(owned.as_bytes());
    }
    Some(bytes)
}

const METHOD: &str = "/switchover.sample.v1.Sample/Do";

fn known(role: Role) -> Caller {
    let subject = match role {
        Role::TenantAdmin => "tenants/acme",
        Role::Gateway => "gateways/g",
        _ => "someone",
    };
    Caller::Known(Identity::new(role, subject).unwrap())
}

#[test]
fn a_method_without_the_option_is_refused_by_name() {
    let error = Rules::from_descriptors(&contracts(None)).unwrap_err();
    assert!(
        matches!(&error, AccessError::Undeclared(m) if m == "switchover.sample.v1.Sample.Do"),
        "{error}"
    );
    let empty = Rules::from_descriptors(&contracts(access(&[], ""))).unwrap_err();
    assert!(matches!(empty, AccessError::Undeclared(_)), "{empty}");
    let unspecified = Rules::from_descriptors(&contracts(access(&[0], ""))).unwrap_err();
    assert!(
        matches!(unspecified, AccessError::Role { role: 0, .. }),
        "{unspecified}"
    );
    let unknown = Rules::from_descriptors(&contracts(access(&[99], ""))).unwrap_err();
    assert!(
        matches!(unknown, AccessError::Role { role: 99, .. }),
        "{unknown}"
    );
    let owned = Rules::from_descriptors(&contracts(access(&[5], "tenant.name"))).unwrap_err();
    assert!(matches!(owned, AccessError::Owned { .. }), "{owned}");
}

#[test]
fn each_role_is_let_in_where_it_is_named_and_nowhere_else() {
    // Operator admin and tenant admin.
    let rules = Rules::from_descriptors(&contracts(access(&[2, 5], "name"))).unwrap();
    assert_eq!(rules.owned(METHOD), Some("name"));
    let decisions: BTreeMap<_, _> = Role::ALL
        .into_iter()
        .map(|role| (role, rules.decide(&known(role), METHOD)))
        .collect();
    for (role, decision) in decisions {
        let named = matches!(role, Role::OperatorAdmin | Role::TenantAdmin);
        let expected = if named {
            Decision::Allowed
        } else {
            Decision::Denied
        };
        assert_eq!(decision, expected, "{role}");
    }
    assert_eq!(
        rules.decide(&Caller::Anonymous, METHOD),
        Decision::Unauthenticated
    );
    assert_eq!(
        rules.decide(&known(Role::OperatorAdmin), "/other.Service/Do"),
        Decision::Undeclared
    );
}

#[test]
fn an_open_method_needs_no_credentials() {
    let rules = Rules::from_descriptors(&contracts(access(&[1], ""))).unwrap();
    assert_eq!(rules.decide(&Caller::Anonymous, METHOD), Decision::Allowed);
    assert_eq!(
        rules.decide(&Caller::Anonymous, HEALTH[0].0),
        Decision::Allowed
    );
    assert_eq!(
        rules.decide(&Caller::Anonymous, REFLECTION[0]),
        Decision::Undeclared
    );
    let open = rules.with_reflection();
    assert_eq!(
        open.decide(&Caller::Anonymous, REFLECTION[0]),
        Decision::Unauthenticated
    );
    assert_eq!(
        open.decide(&known(Role::OperatorViewer), REFLECTION[0]),
        Decision::Allowed
    );
}

#[test]
fn what_gateways_and_services_alone_may_call_is_not_for_people() {
    let rules = Rules::from_descriptors(proto::DESCRIPTOR_SET).unwrap();
    for (method, expected) in [
        (
            "/switchover.catalog.v1.ApplicationService/ListApplications",
            true,
        ),
        ("/switchover.provisioning.v1.ConsentService/GetOffer", true),
        ("/grpc.health.v1.Health/Check", true),
        ("/switchover.catalog.v1.FleetService/Follow", false),
        (
            "/switchover.provisioning.v1.ConsentService/FollowGrants",
            false,
        ),
        ("/switchover.catalog.v1.ApplicationService/Nothing", false),
    ] {
        assert_eq!(rules.is_for_people(method), expected, "{method}");
    }
}
