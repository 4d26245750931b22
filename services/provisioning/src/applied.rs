//! Up to which revision every gateway of the fleet has applied the grants: what gateways say, held
//! against who the catalog says is a member.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use contract::{GatewayName, Revision};
use runtime::CancellationToken;

use crate::{
    error::Error,
    fleet::MEMBERS_AGE_MAX,
    service::Service,
    store::{
        applied,
        grants::{self, Head},
        positions::{self, Position},
    },
};

/// A lost wake-up, and a member that leaves, cost this much.
const POLL: Duration = Duration::from_secs(2);

/// Notes what every gateway has applied, until `stop`.
pub(crate) async fn run(service: Service, stop: CancellationToken) -> Result<(), Infallible> {
    let mut said = service.db.listen(positions::TOPIC);
    let mut changed = service.db.listen(grants::TOPIC);
    while !stop.is_cancelled() {
        if let Err(error) = note(&service).await {
            tracing::warn!(%error, "cannot note what every gateway has applied");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = said.changed_or(POLL) => {}
            () = changed.changed_or(POLL) => {}
        }
    }
    Ok(())
}

/// Notes what every gateway has applied, if it is more than was noted.
pub(crate) async fn note(service: &Service) -> Result<(), Error> {
    let (noted, now_applied) = look(service, None).await?;
    if now_applied > noted {
        let now = service.now();
        store::write!(service.db, |tx| applied::note(tx, now_applied, now).await)?;
    }
    Ok(())
}

/// Returns up to which revision every gateway has applied the grants, at least as far as `wanted` is
/// concerned: the members are not asked for where what was noted says enough.
pub(crate) async fn at_least(service: &Service, wanted: Revision) -> Result<Revision, Error> {
    look(service, Some(wanted))
        .await
        .map(|(_, applied)| applied)
}

/// Returns what was noted, and what holds now.
async fn look(service: &Service, wanted: Option<Revision>) -> Result<(Revision, Revision), Error> {
    let (noted, head) = store::read!(service.db, |tx| Ok::<_, Error>((
        applied::mark(tx).await?,
        grants::head(tx).await?
    )))?;
    if noted >= wanted.unwrap_or(head.revision) {
        return Ok((noted, noted));
    }
    let members = match service.fleet.members(MEMBERS_AGE_MAX).await {
        Ok(members) => members,
        Err(problem) => {
            tracing::debug!(%problem, "the catalog does not say who the gateways are");
            return Ok((noted, noted));
        }
    };
    // Read after the members: what they have said by now counts.
    let (head, said) = store::read!(service.db, |tx| Ok::<_, Error>((
        grants::head(tx).await?,
        positions::all(tx).await?
    )))?;
    Ok((noted, noted.max(lowest(&members, head, &said))))
}

/// Returns up to which revision each member has applied the grants of this head's timeline. Where
/// there are no members, nothing is outstanding.
fn lowest<'a>(
    members: impl IntoIterator<Item = &'a GatewayName>,
    head: Head,
    said: &BTreeMap<GatewayName, Position>,
) -> Revision {
    let has = |gateway: &GatewayName| {
        said.get(gateway)
            .filter(|position| position.timeline == head.timeline)
            .map_or(Revision::ZERO, |position| position.revision)
    };
    members.into_iter().map(has).min().unwrap_or(head.revision)
}

#[cfg(test)]
mod tests {
    use contract::Timeline;

    use super::*;

    #[test]
    fn the_slowest_member_of_this_timeline_says_what_all_have() {
        let revision = |number: u64| Revision::try_from(number).unwrap();
        let (ours, other) = (Timeline::new([1; 16]), Timeline::new([2; 16]));
        let head = Head {
            timeline: ours,
            revision: revision(9),
        };
        let name = |text: &str| text.parse::<GatewayName>().unwrap();
        let said: BTreeMap<_, _> = [
            ("a", ours, 9),
            ("b", ours, 7),
            ("gone", ours, 1),
            ("c", other, 8),
        ]
        .map(|(gateway, timeline, number)| {
            let revision = revision(number);
            (name(gateway), Position { timeline, revision })
        })
        .into();
        let all = |gateways: &[&str]| {
            let members: Vec<_> = gateways.iter().map(|gateway| name(gateway)).collect();
            lowest(&members, head, &said).get()
        };
        assert_eq!(all(&["a"]), 9);
        assert_eq!(all(&["a", "b"]), 7);
        assert_eq!(all(&["a", "never-heard"]), 0);
        assert_eq!(
            all(&["a", "c"]),
            0,
            "another timeline's number says nothing"
        );
        assert_eq!(all(&[]), 9);
    }
}
