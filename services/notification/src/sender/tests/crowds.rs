//! Many mails to one domain, and what they mean for the others.

use super::*;

/// Far more than are claimed of one domain.
const MANY: usize = 200;

async fn publish_to(world: &World, domain: &str, mails: usize) {
    for number in 0..mails {
        let address = format!("a{number}@{domain}");
        world
            .publish(&format!("{domain} {number}"), &[&address])
            .await;
    }
}

fn sent_to(world: &World, domain: &str) -> usize {
    let log = world.stub.log();
    let end = format!("@{domain}");
    log.taken.iter().filter(|t| t.to.ends_with(&end)).count()
}

store::on_both!(
    MIGRATIONS,
    async fn a_domain_that_never_answers_delays_no_other_whatever_waits_for_it(db: Db) {
        let mut world = World::new(&db, []).await;
        for number in 0..MANY {
            let address = format!("a{number}@slow.example");
            world.stub.with(&address, Act::Hang(At::Recipient));
        }
        publish_to(&world, "slow.example", MANY).await;
        publish_to(&world, "quick.example", 40).await;
        world.to_domain = Some(2);
        world.start(4);
        let stub = &world.stub;
        world
            .until("the quick domain has all of its mails", |_| {
                stub.log().taken.len() == 40
            })
            .await;
        let of_slow = |log: &crate::smtp::stub::Log| {
            let all = log.commands.iter().filter(|c| c.starts_with("RCPT TO"));
            all.filter(|c| c.contains("@slow.example")).count()
        };
        assert_eq!(of_slow(&stub.log()), 2, "no more than two at a time");
        world.kill().await;
    }
);

#[tokio::test]
async fn a_crowd_to_one_domain_goes_two_at_a_time_and_each_once() {
    let test = TestDb::sqlite(&MIGRATIONS).await;
    let mut world = World::new(test.db(), []).await;
    publish_to(&world, "crowd.example", MANY).await;
    world.to_domain = Some(2);
    world.start(8);
    world.until_all(Word::Sent).await;
    assert_eq!(sent_to(&world, "crowd.example"), MANY);
    assert!(world.stub.log().open_max <= 2);
    world.shell.clone().finish_test().await;
}

#[tokio::test]
async fn a_domain_that_refuses_delays_no_other() {
    let test = TestDb::sqlite(&MIGRATIONS).await;
    let mut world = World::new(test.db(), []).await;
    for number in 0..MANY {
        let busy = Act::Say(At::Recipient, "451 come back later");
        world.stub.with(&format!("a{number}@bad.example"), busy);
    }
    publish_to(&world, "bad.example", MANY).await;
    publish_to(&world, "good.example", 1).await;
    world.to_domain = Some(1);
    world.start(2);
    let stub = &world.stub;
    world
        .until("the good domain has its mail", |_| {
            stub.log().taken.len() == 1
        })
        .await;
    assert_eq!(sent_to(&world, "good.example"), 1);
    world.kill().await;
}
