//! How many mails go to one domain at once: a domain whose server is slow holds up its own mails alone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Mails of one domain that are claimed at most beyond those that are handed over: enough that a domain
/// with many mails is claimed in blocks, and few beside what is claimed in all.
const AHEAD: usize = 16;
/// Domains that are remembered; past that, those that nobody sends to are forgotten.
const REMEMBERED: usize = 1000;

/// Gives mails their turn at a domain. Clones give the same turns.
#[derive(Clone)]
pub(crate) struct Domains {
    at_once: usize,
    turns: Arc<Mutex<HashMap<Box<str>, Weak<Semaphore>>>>,
}

impl Domains {
    /// Lets this many go to one domain at once.
    pub(crate) fn new(at_once: usize) -> Self {
        Self {
            at_once,
            turns: Arc::default(),
        }
    }

    /// Waits until fewer than may are handed over to this domain.
    pub(super) async fn turn(&self, domain: &str) -> Option<OwnedSemaphorePermit> {
        let turns = {
            let mut known = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= REMEMBERED {
                known.retain(|_, turns| turns.strong_count() > 0);
            }
            match known.get(domain).and_then(Weak::upgrade) {
                Some(turns) => turns,
                None => {
                    let turns = Arc::new(Semaphore::new(self.at_once));
                    known.insert(domain.into(), Arc::downgrade(&turns));
                    turns
                }
            }
        };
        turns.acquire_owned().await.ok()
    }

    /// Counts what is claimed already.
    pub(crate) fn claimed<'d>(&self, domains: impl Iterator<Item = &'d str>) -> Claimed {
        let mut claimed = Claimed {
            most: self.at_once + AHEAD,
            low: self.at_once,
            open: HashMap::new(),
        };
        for domain in domains {
            *claimed.open.entry(domain.into()).or_default() += 1;
        }
        claimed
    }
}

/// What is claimed of each domain.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    most: usize,
    low: usize,
    open: HashMap<Box<str>, usize>,
}

impl Claimed {
    /// Counts one more.
    pub(crate) fn take(&mut self, domain: &str) {
        *self.open.entry(domain.into()).or_default() += 1;
    }

    /// Tells whether one more could be taken of a domain.
    pub(crate) fn has_room(&self, domain: &str) -> bool {
        self.open.get(domain).is_none_or(|open| *open < self.most)
    }

    /// Tells whether so few of a domain are left that it is worth looking for more.
    pub(crate) fn is_low(&self, domain: &str) -> bool {
        self.open.get(domain).is_none_or(|open| *open <= self.low)
    }

    /// Returns the domains that nothing more is claimed of, each between two commas.
    pub(crate) fn full(&self) -> String {
        self.open
            .iter()
            .filter(|(_, open)| **open >= self.most)
            .fold(",".to_owned(), |all, (domain, _)| all + domain + ",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_full_at_its_limit_and_low_once_nothing_waits() {
        let domains = Domains::new(2);
        let mut claimed = domains.claimed(["a.example"; 3].into_iter());
        assert!(!claimed.is_low("a.example") && claimed.is_low("b.example"));
        assert_eq!(claimed.full(), ",");
        while claimed.has_room("a.example") {
            claimed.take("a.example");
        }
        assert_eq!(claimed.open["a.example"], 2 + AHEAD);
        assert!(!claimed.has_room("a.example") && claimed.has_room("b.example"));
        assert_eq!(claimed.full(), ",a.example,");
    }

    #[tokio::test]
    async fn turns_are_for_one_domain_and_come_back() {
        let domains = Domains::new(1);
        let held = domains.turn("a.example").await;
        drop(domains.turn("b.example").await.unwrap());
        let waiting = domains.turn("a.example");
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(held);
        assert!(waiting.await.is_some());
    }

    #[tokio::test]
    async fn domains_that_nobody_sends_to_are_forgotten() {
        let domains = Domains::new(1);
        for number in 0..3 * REMEMBERED {
            drop(domains.turn(&format!("{number}.example")).await.unwrap());
        }
        assert!(domains.turns.lock().unwrap().len() <= REMEMBERED);
    }
}
