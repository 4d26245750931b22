//! Gateways tell sign-outs to any replica, and hear them from every other.

use ::store::testing::TestDb;
use contract::{Problem, Role, reason};
use prost_types::Timestamp;
use runtime::Client;
use wire::sign_out_service_client::SignOutServiceClient;

use super::{World, soon, wire, world};
use crate::store::MIGRATIONS;

/// A gateway at one replica.
struct Gateway(SignOutServiceClient<Client>);

impl Gateway {
    fn at(address: std::net::SocketAddr) -> Self {
        let client = world::client(address, Role::Gateway, "gateways/g-1");
        Self(SignOutServiceClient::new(client))
    }

    async fn record(&self, sign_outs: Vec<wire::SignOut>) -> Result<(), Problem> {
        let request = wire::RecordSignOutsRequest { sign_outs };
        Ok(self.0.clone().record_sign_outs(request).await.map(drop)?)
    }

    async fn follow(&self, position: &str) -> tonic::Streaming<wire::FollowSignOutsResponse> {
        let position = position.to_owned();
        let request = wire::FollowSignOutsRequest { position };
        let stream = self.0.clone().follow_sign_outs(request).await;
        stream.unwrap().into_inner()
    }
}

async fn next(
    stream: &mut tonic::Streaming<wire::FollowSignOutsResponse>,
) -> wire::FollowSignOutsResponse {
    let told = soon("what has ended", stream.message()).await;
    told.unwrap().expect("the stream goes on")
}

fn sign_out(mark: u8, world: &World) -> wire::SignOut {
    wire::SignOut {
        mark: vec![mark; 32].into(),
        end_time: Some(Timestamp {
            seconds: world.clock.now().as_second(),
            nanos: 0,
        }),
    }
}

::store::on_both!(
    MIGRATIONS,
    async fn every_replica_tells_what_any_was_told(db: TestDb) {
        let world = World::simulated(&db).await;
        let (shell, other) = world.replica().await;
        let (here, there) = (Gateway::at(world.address), Gateway::at(other));
        let [first, second] = [1, 2].map(|mark| sign_out(mark, &world));
        here.record(vec![first.clone()]).await.unwrap();
        let mut stream = there.follow("").await;
        let told = next(&mut stream).await;
        assert_eq!(told.sign_outs, std::slice::from_ref(&first));
        assert!(told.full && told.complete);
        here.record(vec![first, second.clone()]).await.unwrap();
        let more = next(&mut stream).await;
        assert_eq!(more.sign_outs, std::slice::from_ref(&second));
        assert!(!more.full && more.complete);

        let again = next(&mut here.follow(&told.position).await).await;
        assert_eq!((again.sign_outs, again.full), (vec![second], false));
        let stranger = "00000000-0000-4000-8000-000000000000";
        let anew = next(&mut here.follow(stranger).await).await;
        assert!(anew.full && anew.sign_outs.len() == 2);
        drop(stream);
        shell.finish_test().await;
        world.finish().await;
    }
);

#[tokio::test]
async fn what_is_no_sign_out_is_refused_and_gateways_alone_tell_any() {
    let world = World::simulated(&TestDb::sqlite(&MIGRATIONS).await).await;
    let gateway = Gateway::at(world.address);
    let refused = gateway.record(Vec::new()).await.unwrap_err();
    assert_eq!(refused.fields()[0].field, "sign_outs");
    let many = (0..101).map(|mark| sign_out(mark, &world)).collect();
    let refused = gateway.record(many).await.unwrap_err();
    assert_eq!(refused.fields()[0].field, "sign_outs");
    let wrong = wire::SignOut {
        mark: vec![1; 31].into(),
        end_time: None,
    };
    let refused = gateway.record(vec![wrong]).await.unwrap_err();
    let named: Vec<_> = refused.fields().iter().map(|it| &it.field[..]).collect();
    assert_eq!(named, ["sign_outs[0].mark", "sign_outs[0].end_time"]);
    for (role, subject) in [
        (Role::OperatorAdmin, world::ANNA),
        (Role::Service, "services/provisioning"),
    ] {
        let client = world::client(world.address, role, subject);
        let other = Gateway(SignOutServiceClient::new(client));
        let refused = other.record(vec![sign_out(1, &world)]).await.unwrap_err();
        assert!(refused.is(&reason::PERMISSION_DENIED), "{refused:?}");
    }
    world.finish().await;
}
