//! Two people for one switch.

use std::time::Duration;

use ::store::testing::TestDb;
use contract::{Problem, Reason, Role, reason};
use proto::{
    catalog::v1::proposal_service_client::ProposalServiceClient as Client,
    notification::v1::notice::Body,
};
use wire::{ProposalState, SwitchState};

use super::{
    World,
    receipts::{holds, receipt},
    wire,
    world::{ANNA, client},
};
use crate::store::MIGRATIONS;

const BOB: &str = "people/bob";

fn proposals(world: &World, who: &str) -> Client<runtime::Client> {
    Client::new(client(world.address, Role::OperatorAdmin, who))
}

pub(super) async fn set_approval(
    world: &World,
    approval: wire::ApprovalPolicy,
) -> Result<wire::UpdateApplicationResponse, Problem> {
    let request = wire::UpdateApplicationRequest {
        application: Some(wire::Application {
            name: "applications/crm".to_owned(),
            approval: approval.into(),
            ..wire::Application::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["approval".to_owned()],
        }),
        etag: String::new(),
    };
    let updated = world.applications().update_application(request).await?;
    Ok(updated.into_inner())
}

pub(super) async fn propose(
    world: &World,
    version: &str,
    request_id: &str,
) -> Result<wire::Proposal, Problem> {
    let request = wire::ConfirmUpdateRequest {
        version: version.to_owned(),
        request_id: request_id.to_owned(),
        reason: "it is time".to_owned(),
        etag: String::new(),
    };
    let answer = world.switches().confirm_update(request).await?.into_inner();
    assert!(answer.switch.is_none(), "{answer:?}");
    Ok(answer.proposal.unwrap())
}

pub(super) async fn approve(
    world: &World,
    who: &str,
    name: &str,
) -> Result<wire::Proposal, Problem> {
    let request = wire::ApproveProposalRequest {
        name: name.to_owned(),
        reason: "looked at it".to_owned(),
    };
    let answer = proposals(world, who).approve_proposal(request).await?;
    Ok(answer.into_inner().proposal.unwrap())
}

pub(super) async fn reject(
    world: &World,
    who: &str,
    name: &str,
) -> Result<wire::Proposal, Problem> {
    let request = wire::RejectProposalRequest {
        name: name.to_owned(),
        reason: "not today".to_owned(),
    };
    let answer = proposals(world, who).reject_proposal(request).await?;
    Ok(answer.into_inner().proposal.unwrap())
}

async fn state(world: &World, name: &str) -> ProposalState {
    let request = wire::GetProposalRequest {
        name: name.to_owned(),
    };
    let answer = proposals(world, ANNA).get_proposal(request).await.unwrap();
    answer.into_inner().proposal.unwrap().state()
}

fn why<T: std::fmt::Debug>(result: Result<T, Problem>) -> Reason {
    result.unwrap_err().reason().clone()
}

/// `applications/crm` on version 1, version 2 in test, and two people needed.
async fn for_two(db: &TestDb) -> (World, String, String) {
    let world = World::simulated(db).await;
    let (one, two) = world.crm_on_one().await;
    set_approval(&world, wire::ApprovalPolicy::SecondPerson)
        .await
        .unwrap();
    (world, one, two)
}

::store::on_both!(
    MIGRATIONS,
    async fn what_one_proposes_another_approves_and_both_are_named(db: TestDb) {
        let (world, _, two) = for_two(&db).await;
        let proposed = propose(&world, &two, "r-1").await.unwrap();
        assert_eq!(
            (proposed.name.as_str(), proposed.proposed_by.as_str()),
            ("applications/crm/proposals/1", ANNA)
        );
        assert!(world.application().await.open_switch.is_empty());
        world
            .peers
            .until("the notice of it", |script| {
                script.notices.iter().any(|notice| match &notice.body {
                    Some(Body::ProposalWaiting(told)) => told.proposal == proposed.name,
                    _ => false,
                })
            })
            .await;
        // The same request is the same proposal; another one waits for this.
        assert_eq!(propose(&world, &two, "r-1").await.unwrap(), proposed);
        assert_eq!(propose(&world, &two, "").await.unwrap(), proposed);
        assert_eq!(
            why(approve(&world, ANNA, &proposed.name).await),
            reason::SECOND_PERSON_NEEDED
        );
        let approved = approve(&world, BOB, &proposed.name).await.unwrap();
        assert_eq!(approved.state(), ProposalState::Approved);
        assert_eq!(
            (
                approved.decided_by.as_str(),
                approved.decision_reason.as_str()
            ),
            (BOB, "looked at it")
        );
        assert_eq!(
            approve(&world, BOB, &proposed.name).await.unwrap(),
            approved,
            "asked again, the same"
        );
        let confirmed = world.confirm_as(&two, "r-1").await.unwrap();
        assert_eq!(
            confirmed.name, approved.switch,
            "the request became a switch"
        );
        let ended = world.ended(&approved.switch).await;
        assert_eq!(
            (
                ended.state(),
                ended.requested_by.as_str(),
                ended.approved_by.as_str()
            ),
            (SwitchState::Succeeded, ANNA, BOB)
        );
        let left = receipt(&world, &approved.switch).await.unwrap();
        let json: serde_json::Value = serde_json::from_str(&left.json).unwrap();
        assert!(holds(&left));
        assert_eq!(
            (json["requested_by"].as_str(), json["approved_by"].as_str()),
            (Some(ANNA), Some(BOB))
        );
        let history = world.history().await;
        let of_switch = history
            .iter()
            .filter(|entry| entry.switch == approved.switch);
        for entry in of_switch {
            assert_eq!(
                (entry.actor.as_str(), entry.approved_by.as_str()),
                (ANNA, BOB)
            );
        }
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_proposal_ends_by_its_proposer_by_others_by_time_and_by_change(db: TestDb) {
        let (world, one, two) = for_two(&db).await;
        let first = propose(&world, &two, "r-1").await.unwrap().name;
        let withdrawn = reject(&world, ANNA, &first).await.unwrap();
        assert_eq!(withdrawn.state(), ProposalState::Withdrawn);
        assert_eq!(reject(&world, ANNA, &first).await.unwrap(), withdrawn);
        assert_eq!(
            why(approve(&world, BOB, &first).await),
            reason::PROPOSAL_ENDED
        );
        let again = propose(&world, &two, "r-1").await.unwrap();
        assert_eq!(again, withdrawn, "a repeat stays what it was");

        let second = propose(&world, &two, "r-2").await.unwrap().name;
        let rejected = reject(&world, BOB, &second).await.unwrap();
        assert_eq!(
            (rejected.state(), rejected.decision_reason.as_str()),
            (ProposalState::Rejected, "not today")
        );

        let third = propose(&world, &two, "r-3").await.unwrap().name;
        world.clock.advance(Duration::from_secs(24 * 3600 - 60));
        assert_eq!(state(&world, &third).await, ProposalState::Open);
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(state(&world, &third).await, ProposalState::Expired);
        assert_eq!(
            why(approve(&world, BOB, &third).await),
            reason::PROPOSAL_ENDED
        );

        let fourth = propose(&world, &two, "r-4").await.unwrap().name;
        let cancel = wire::CancelTestRequest {
            version: two.clone(),
            reason: String::new(),
        };
        world.switches().cancel_test(cancel).await.unwrap();
        assert_eq!(state(&world, &fourth).await, ProposalState::Void);
        let void = approve(&world, BOB, &fourth).await.unwrap_err();
        assert!(void.is(&reason::PROPOSAL_VOID), "{void:?}");
        assert_eq!(void.code(), contract::Code::Aborted);

        let list = wire::ListProposalsRequest {
            parent: "applications/-".to_owned(),
            page_size: 3,
            ..wire::ListProposalsRequest::default()
        };
        let page = proposals(&world, ANNA).list_proposals(list.clone()).await;
        let page = page.unwrap().into_inner();
        let names = |page: &[wire::Proposal]| -> Vec<String> {
            page.iter().map(|one| one.name.clone()).collect()
        };
        assert_eq!(names(&page.proposals), [fourth, third, second]);
        let next = wire::ListProposalsRequest {
            page_token: page.next_page_token,
            ..list.clone()
        };
        let rest = proposals(&world, ANNA).list_proposals(next).await.unwrap();
        assert_eq!(names(&rest.into_inner().proposals), [first]);
        let open = wire::ListProposalsRequest {
            open_only: true,
            ..list
        };
        world.register(&two).await;
        let fifth = propose(&world, &two, "r-5").await.unwrap().name;
        let open = proposals(&world, ANNA).list_proposals(open).await.unwrap();
        assert_eq!(names(&open.into_inner().proposals), [fifth]);
        let other = wire::ConfirmReactivateRequest {
            version: one,
            ..wire::ConfirmReactivateRequest::default()
        };
        let other = world.switches().confirm_reactivate(other).await;
        assert_eq!(
            Problem::from(other.unwrap_err()).reason(),
            &reason::VERSION_ACTIVE
        );
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn nobody_turns_the_rule_off_alone(db: TestDb) {
        let (world, _, two) = for_two(&db).await;
        let waiting = propose(&world, &two, "r-1").await.unwrap();
        let busy = set_approval(&world, wire::ApprovalPolicy::NotRequired).await;
        assert_eq!(why(busy), reason::PROPOSAL_OPEN);
        reject(&world, ANNA, &waiting.name).await.unwrap();

        let answer = set_approval(&world, wire::ApprovalPolicy::NotRequired)
            .await
            .unwrap();
        let proposal = answer.proposal.unwrap();
        assert_eq!(proposal.kind(), wire::ProposalKind::ApprovalOff);
        let still = world.application().await.approval();
        assert_eq!(still, wire::ApprovalPolicy::SecondPerson);
        assert_eq!(
            why(approve(&world, ANNA, &proposal.name).await),
            reason::SECOND_PERSON_NEEDED
        );
        let both = wire::UpdateApplicationRequest {
            application: Some(wire::Application {
                name: "applications/crm".to_owned(),
                display_name: "Other".to_owned(),
                approval: wire::ApprovalPolicy::NotRequired.into(),
                ..wire::Application::default()
            }),
            ..wire::UpdateApplicationRequest::default()
        };
        let both = world.applications().update_application(both).await;
        let both = Problem::from(both.unwrap_err());
        assert_eq!(both.fields()[0].field, "application.approval");

        let approved = approve(&world, BOB, &proposal.name).await.unwrap();
        assert_eq!(approved.state(), ProposalState::Approved);
        let off = world.application().await.approval();
        assert_eq!(off, wire::ApprovalPolicy::NotRequired);
        world.confirm(&two).await.unwrap();
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn what_is_approved_is_looked_at_again_and_begins_once(db: TestDb) {
        let (world, _, two) = for_two(&db).await;
        let name = propose(&world, &two, "r-1").await.unwrap().name;
        world.upstream.answer(503);
        assert_eq!(
            why(approve(&world, BOB, &name).await),
            reason::VERSION_UNHEALTHY
        );
        assert_eq!(state(&world, &name).await, ProposalState::Open);
        world.upstream.answer(200);
        let (one, other) = tokio::join!(
            approve(&world, BOB, &name),
            approve(&world, "people/eve", &name)
        );
        let done = [&one, &other]
            .into_iter()
            .filter(|done| done.is_ok())
            .count();
        assert_eq!(done, 1, "{one:?} {other:?}");
        world.finish().await;
    }
);
