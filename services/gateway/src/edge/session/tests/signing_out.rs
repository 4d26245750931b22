//! A session that somebody ended is over at every gateway, whoever has a copy of its cookies.

use super::*;
use crate::tests::world::until;

impl Scene {
    async fn sign_out(&self, jar: &Jar, csrf: &str) {
        let own = [("origin", ORIGIN), ("x-switchover-csrf", csrf)];
        let left = self
            .send(Method::POST, "/session/logout", jar, &own, b"")
            .await;
        assert_eq!(left.status, 200, "{}", left.body);
    }

    async fn is_in(&self, jar: &Jar) -> bool {
        let who = self.get("/session", &mut jar.clone()).await.json();
        who["signed_in"] == true
    }

    async fn until_kept(&self, count: usize) {
        until("the catalog has taken it", async || {
            let kept = self.world.catalog.sign_outs.kept();
            match kept.len() == count {
                true => Ok(()),
                false => Err(format!("{kept:?}")),
            }
        })
        .await;
    }

    async fn until_out(&self, jar: &Jar) {
        until("the session is over", async || {
            match self.is_in(jar).await {
                false => Ok(()),
                true => Err("it goes on".to_owned()),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_sign_out_is_carried_to_the_catalog_and_heard_from_it() {
    let mut scene = Scene::start().await;
    let (jar, csrf) = scene.sign_in("operator-admin").await;
    let (stayer, _) = scene.sign_in("operator-admin").await;
    scene.sign_out(&jar, &csrf).await;
    let kept = scene.world.catalog.sign_outs.kept();
    assert_eq!(kept.len(), 1, "the answer came with the catalog's word");
    assert_eq!(kept[0].mark.len(), 32);

    // Another gateway that shares the key file has heard of nothing.
    scene.world.kill_gateway().await;
    let journal = scene.world.state_dir().join("sign-outs.jsonl");
    let written = std::fs::read_to_string(&journal).unwrap();
    assert_eq!(written.lines().count(), 1, "{written}");
    std::fs::remove_file(&journal).unwrap();
    scene.world.start_gateway().await;
    scene.until_out(&jar).await;
    assert!(scene.is_in(&stayer).await);

    // It remembers, whether or not the catalog is there.
    until("it is on its disk", async || {
        let text = std::fs::read_to_string(&journal).unwrap_or_default();
        if text == written { Ok(()) } else { Err(text) }
    })
    .await;
    scene.world.kill_gateway().await;
    scene.world.stop_catalog().await;
    scene.world.start_gateway().await;
    assert!(!scene.is_in(&jar).await);
    scene.world.end().await;
}

#[tokio::test]
async fn what_the_catalog_could_not_take_or_has_lost_it_is_told_later() {
    let mut scene = Scene::start().await;
    let (first, csrf) = scene.sign_in("operator-admin").await;
    scene.sign_out(&first, &csrf).await;
    scene.until_kept(1).await;
    let (second, csrf) = scene.sign_in("operator-admin").await;
    scene.world.stop_catalog().await;
    scene.sign_out(&second, &csrf).await;
    assert!(!scene.is_in(&second).await, "here it holds at once");
    scene.world.kill_gateway().await;
    scene.world.start_gateway().await;
    assert!(!scene.is_in(&second).await);
    scene.world.start_catalog().await;
    scene.until_kept(2).await;

    scene.world.catalog.break_streams();
    until("it goes on where it was", async || {
        match scene.world.catalog.sign_outs.positions().last() {
            Some(position) if position == "2" => Ok(()),
            position => Err(format!("{position:?}")),
        }
    })
    .await;
    scene.world.catalog.sign_outs.forget();
    scene.world.catalog.break_streams();
    scene.until_kept(2).await;
    scene.world.end().await;
}
