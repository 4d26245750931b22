//! Every switch leaves a receipt that anybody can check.

use ::store::testing::TestDb;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{Problem, reason};
use runtime::{PublicKey, sign::sha256_hex};
use serde_json::Value;

use super::{Gateway, World, wire};
use crate::store::MIGRATIONS;

pub(super) async fn receipt(
    world: &World,
    switch: &str,
) -> Result<wire::GetReceiptResponse, Problem> {
    let request = wire::GetReceiptRequest {
        name: switch.to_owned(),
    };
    Ok(world.switches().get_receipt(request).await?.into_inner())
}

pub(super) fn holds(receipt: &wire::GetReceiptResponse) -> bool {
    let key: PublicKey = receipt.public_key.parse().unwrap();
    assert_eq!(key.id(), receipt.key_id);
    let signature = STANDARD.decode(&receipt.signature).unwrap();
    key.verifies(receipt.json.as_bytes(), &signature)
}

::store::on_both!(
    MIGRATIONS,
    async fn every_outcome_leaves_a_signed_receipt_in_one_chain(db: TestDb) {
        let mut world = World::start(&db).await;
        let (one, two) = world.crm_on_one().await;
        let mut gateway = Gateway::join(&world, "a").await;

        let failed = world.confirm(&two).await.unwrap().name;
        let route = gateway.until_preparing().await;
        assert!(
            receipt(&world, &failed)
                .await
                .unwrap_err()
                .is(&reason::SWITCH_OPEN)
        );
        gateway.not_ready(&route).await;
        world.ended(&failed).await;
        gateway.until_no_turn().await;

        let cancelled = world.confirm(&two).await.unwrap().name;
        gateway.until_preparing().await;
        world.cancel(&cancelled).await.unwrap();
        world.ended(&cancelled).await;
        gateway.until_no_turn().await;
        // The key outlives the process.
        world.crash().await;
        gateway = gateway.again(&world).await;

        let succeeded = world.confirm(&two).await.unwrap().name;
        gateway.obey().await;
        world.ended(&succeeded).await;

        let mut previous = String::new();
        let mut keys = Vec::new();
        let request = wire::ListSwitchesRequest {
            parent: "applications/crm".to_owned(),
            ..Default::default()
        };
        let switches = world.switches().list_switches(request).await.unwrap();
        let mut outcomes = Vec::new();
        for (switch, number) in switches.into_inner().switches.iter().rev().zip(1..) {
            let receipt = receipt(&world, &switch.name).await.unwrap();
            assert!(holds(&receipt), "{receipt:?}");
            let json: Value = serde_json::from_str(&receipt.json).unwrap();
            assert_eq!(json["number"], number);
            assert_eq!(json["switch"], switch.name);
            assert_eq!(json["previous_sha256"], previous);
            assert_eq!(json["requested_by"], "people/anna");
            assert_eq!(json["reason"], "it is time");
            assert_eq!(json["request_id"], switch.request_id);
            previous = sha256_hex(receipt.json.as_bytes());
            outcomes.push(json["outcome"].as_str().unwrap().to_owned());
            keys.push(receipt.key_id.clone());
            for at in (0..receipt.json.len()).step_by(97) {
                let mut forged = receipt.clone().json.into_bytes();
                forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
                if let Ok(json) = String::from_utf8(forged) {
                    let forged = wire::GetReceiptResponse {
                        json,
                        ..receipt.clone()
                    };
                    assert!(!holds(&forged), "{}", forged.json);
                }
            }
        }
        assert_eq!(outcomes, ["succeeded", "failed", "cancelled", "succeeded"]);
        keys.dedup();
        assert_eq!(keys.len(), 1);

        let json: Value =
            serde_json::from_str(&receipt(&world, &succeeded).await.unwrap().json).unwrap();
        assert_eq!(json["source_version"], one);
        assert_eq!(json["active_version_after"], two);
        assert_eq!(
            (&json["generation_before"], &json["generation_after"]),
            (&1.into(), &2.into())
        );
        let part = &json["gateways"][0];
        assert_eq!(part["answered"], "drained");
        for time in ["ready_at", "held_at", "released_at", "drained_at"] {
            assert!(part[time].is_string(), "{part}");
        }
        let requests = &json["requests"];
        assert_eq!(
            (&requests["held"], &requests["finished"], &requests["cut"]),
            (&4.into(), &5.into(), &1.into())
        );
        assert_eq!(requests["longest_hold_us"], 3000);
        assert_eq!(json["tenants"]["denied"], 2);
        let json: Value =
            serde_json::from_str(&receipt(&world, &failed).await.unwrap().json).unwrap();
        assert_eq!(json["failure"]["reason"], "GATEWAY_NOT_READY");
        assert_eq!(
            (&json["generation_before"], &json["generation_after"]),
            (&1.into(), &1.into())
        );
        world.finish().await;
    }
);
