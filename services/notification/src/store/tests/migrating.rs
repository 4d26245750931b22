//! What tables of an older release hold is there after they were changed.

use super::*;

/// The statement that fills the column for what was queued before there was one.
fn fill() -> &'static str {
    let source = include_str!("../../../migrations/2_mail.sql");
    let statements = source.split_inclusive(';');
    let fill = statements
        .map(str::trim)
        .find(|s| s.starts_with("update deliveries"));
    fill.expect("it is there")
}

store::on_both!(
    MIGRATIONS,
    async fn mails_that_were_queued_before_domains_were_known_get_theirs(db: Db) {
        const FORGET: &str = "update deliveries set domain = ''";
        const DOMAINS: &str = "select recipient_key, domain from deliveries order by recipient_key";
        let clock = clock();
        let (event, _) = publish(&db, &clock, &acme(), "1", Tab::Events).await;
        for address in [
            "anna@acme.example",
            "O'Hara+x@Sub.ACME.example",
            "a@localhost",
        ] {
            queue(&db, &clock, event, address).await.unwrap();
        }
        let known = || async {
            let rows: Vec<(String, String)> =
                store::read!(db, |tx| on!(tx, |conn| sqlx::query_as(DOMAINS)
                    .fetch_all(conn)
                    .await))
                .unwrap();
            rows
        };
        let written = known().await;
        store::write!(db, |tx| on!(tx, |conn| sqlx::query(FORGET)
            .execute(conn)
            .await
            .map(drop)))
        .unwrap();
        assert!(known().await.iter().all(|(_, domain)| domain.is_empty()));
        store::write!(db, |tx| on!(tx, |conn| sqlx::query(fill())
            .execute(conn)
            .await
            .map(drop)))
        .unwrap();
        assert_eq!(known().await, written);
        assert_eq!(written[2].1, "sub.acme.example");
    }
);

store::on_both!(
    MIGRATIONS,
    async fn what_was_published_before_wordings_were_kept_reads_as_it_did(db: Db) {
        const FORGET: &str = "update events set wording = ''";
        let clock = clock();
        publish(&db, &clock, &acme(), "1", Tab::Events).await;
        let kept = list(&db, EVERYTHING).await.remove(0);
        let english = kept.told(Language::English);
        let german = kept.told(Language::German);
        assert_eq!(english, (kept.title.clone(), kept.text.clone()));
        assert!(german.0.contains("wechselt auf Version"), "{german:?}");
        store::write!(db, |tx| on!(tx, |conn| sqlx::query(FORGET)
            .execute(conn)
            .await
            .map(drop)))
        .unwrap();
        let old = list(&db, EVERYTHING).await.remove(0);
        assert_eq!(old.told(Language::German), english);
    }
);
