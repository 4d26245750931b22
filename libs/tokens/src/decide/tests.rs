use super::{Refusal::*, Standing::*, VersionStanding::*, *};

const NOW: i64 = 1_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn good() -> Credential {
    Credential {
        revoked: false,
        expires_at: None,
        version_is_its_own: true,
    }
}

fn scopes(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn ask(
    credential: Credential,
    version: VersionStanding,
    tenant: Standing,
    own_tenant: bool,
    wanted: &str,
) -> Result<BTreeSet<String>, Refusal> {
    let (granted, wanted) = (scopes("read write"), scopes(wanted));
    let asked = Asked {
        tenant,
        own_tenant,
        granted: &granted,
        wanted: &wanted,
    };
    decide(credential, version, asked, at(NOW))
}

#[test]
fn every_standing_of_version_and_tenant_has_its_answer() {
    let grace = Left {
        grace_until: at(NOW + 1),
    };
    let over = Left {
        grace_until: at(NOW),
    };
    let table = [
        // version, tenant, for a tenant of others, for the operator's own
        (InUse, Provisioned, None, None),
        (InUse, Pending, Some(TenantPending), Some(TenantPending)),
        (InUse, Denied, Some(TenantDenied), Some(TenantDenied)),
        (
            InUse,
            Standing::Absent,
            Some(NotProvisioned),
            Some(NotProvisioned),
        ),
        (grace, Provisioned, None, None),
        (grace, Pending, Some(TenantPending), Some(TenantPending)),
        (grace, Denied, Some(TenantDenied), Some(TenantDenied)),
        (
            grace,
            Standing::Absent,
            Some(NotProvisioned),
            Some(NotProvisioned),
        ),
        (
            over,
            Provisioned,
            Some(VersionNotInUse),
            Some(VersionNotInUse),
        ),
        (over, Denied, Some(VersionNotInUse), Some(VersionNotInUse)),
        (
            NotInUse,
            Provisioned,
            Some(VersionNotInUse),
            Some(VersionNotInUse),
        ),
        (
            NotInUse,
            Standing::Absent,
            Some(VersionNotInUse),
            Some(VersionNotInUse),
        ),
        (InTest, Provisioned, Some(TestOwnTenantOnly), None),
        (InTest, Pending, Some(TestOwnTenantOnly), None),
        (InTest, Denied, Some(TestOwnTenantOnly), Some(TenantDenied)),
        (InTest, Standing::Absent, Some(TestOwnTenantOnly), None),
    ];
    for (version, tenant, others, own) in table {
        for (own_tenant, expected) in [(false, others), (true, own)] {
            let refusal = ask(good(), version, tenant, own_tenant, "").err();
            assert_eq!(
                refusal, expected,
                "{version:?} {tenant:?} own: {own_tenant}"
            );
        }
    }
}

#[test]
fn a_worthless_pair_learns_nothing_of_version_or_tenant() {
    let revoked = Credential {
        revoked: true,
        ..good()
    };
    let expired = Credential {
        expires_at: Some(at(NOW)),
        ..good()
    };
    let foreign = Credential {
        version_is_its_own: false,
        ..good()
    };
    for (credential, refusal) in [
        (revoked, CredentialRevoked),
        (expired, CredentialExpired),
        (foreign, VersionWrong),
    ] {
        for version in [InUse, InTest, NotInUse] {
            for tenant in [Provisioned, Pending, Denied, Standing::Absent] {
                let answer = ask(credential, version, tenant, true, "admin");
                assert_eq!(answer, Err(refusal), "{version:?} {tenant:?}");
            }
        }
    }
}

#[test]
fn a_pair_works_until_the_moment_it_expires() {
    let last = Credential {
        expires_at: Some(at(NOW + 1)),
        ..good()
    };
    assert!(ask(last, InUse, Provisioned, false, "").is_ok());
}

#[test]
fn no_token_has_a_scope_that_was_not_granted() {
    let with = |wanted| ask(good(), InUse, Provisioned, false, wanted);
    assert_eq!(with(""), Ok(scopes("read write")));
    assert_eq!(with("read"), Ok(scopes("read")));
    assert_eq!(with("read admin"), Err(ScopeTooWide));
}

#[test]
fn every_refusal_has_a_reason_of_its_own() {
    let all = [
        CredentialRevoked,
        CredentialExpired,
        VersionWrong,
        VersionNotInUse,
        TestOwnTenantOnly,
        NotProvisioned,
        TenantPending,
        TenantDenied,
        ScopeTooWide,
    ];
    let reasons: BTreeSet<_> = all.into_iter().map(Refusal::reason).collect();
    assert_eq!(reasons.len(), all.len());
}
