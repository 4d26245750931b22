//! Under which addresses people reach applications.

use contract::{ApplicationName, OperatorName};

use crate::place::{Host, Place};

/// Where applications are reached: a domain name of the operator's, and its own name.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    apps: Place,
    domain: Box<str>,
    operator: OperatorName,
}

impl Addresses {
    /// Returns none where applications have no domain: addresses below a number do not exist.
    pub(crate) fn new(apps: Place, operator: OperatorName) -> Option<Self> {
        match apps.host().clone() {
            Host::Name(domain) => Some(Self {
                apps,
                domain,
                operator,
            }),
            Host::Address(_) => None,
        }
    }

    /// Returns where users reach it, `{tenant}` standing for the tenant.
    pub(crate) fn users(&self, application: &ApplicationName) -> String {
        let (operator, domain) = (&self.operator, &self.domain);
        self.apps
            .at(&format!("{{tenant}}-{application}-{operator}.{domain}"))
    }

    /// Returns where testers reach its version in test.
    pub(crate) fn testers(&self, application: &ApplicationName) -> String {
        let (operator, domain) = (&self.operator, &self.domain);
        self.apps
            .at(&format!("{application}-{operator}.test.{domain}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_application_and_operator_and_never_a_version() {
        let operator: OperatorName = "op".parse().unwrap();
        let crm: ApplicationName = "crm".parse().unwrap();
        let apps: Place = "http://example.com:8080".parse().unwrap();
        let addresses = Addresses::new(apps, operator.clone()).unwrap();
        assert_eq!(
            addresses.users(&crm),
            "http://{tenant}-crm-op.example.com:8080"
        );
        assert_eq!(
            addresses.testers(&crm),
            "http://crm-op.test.example.com:8080"
        );
        assert!(Addresses::new("http://10.0.0.1".parse().unwrap(), operator).is_none());
    }
}
