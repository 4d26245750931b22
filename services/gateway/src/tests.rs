//! The whole gateway against a catalog and a provisioning of the tests.
