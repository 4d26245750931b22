use ::store::Db;

use super::*;
use crate::{
    application::{Icon, Media, Test},
    tester_token::TesterToken,
};

::store::on_both!(
    MIGRATIONS,
    async fn an_application_is_read_as_it_was_written(db: Db) {
        let (written, ..) = crm(&db).await;
        let read = ::store::read!(db, |tx| applications::find(tx, &written.name).await)
            .unwrap()
            .unwrap();
        assert_eq!(read.display_name, written.display_name);
        assert_eq!(read.summary, written.summary);
        assert_eq!(read.policy, written.policy);
        assert_eq!(read.creation, written.creation);
        assert_eq!(
            (read.timeline, read.route_revision, read.revision),
            (written.timeline, written.route_revision, written.revision)
        );
        assert_eq!(
            (read.created_at, read.updated_at),
            (written.created_at, written.updated_at)
        );
        assert_eq!(read.serving, Serving::Never);
        assert!(read.test.is_none() && read.open_switch.is_none());

        let again = ::store::write!(db, |tx| applications::insert(tx, &written).await).unwrap();
        assert!(!again, "the name is taken");
        let missing = ::store::read!(db, |tx| applications::find(tx, &"none".parse().unwrap())
            .await)
        .unwrap();
        assert!(missing.is_none());
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_change_counts_and_gateways_hear_of_it_only_if_it_concerns_them(db: Db) {
        let (mut app, ..) = crm(&db).await;
        app.display_name = "Clients".parse().unwrap();
        ::store::write!(db, |tx| {
            applications::save(tx, &app).await?;
            applications::touch(tx, &app.name, applications::Touch::Shown, at(1)).await?;
            applications::touch(tx, &app.name, applications::Touch::Routed, at(2)).await
        })
        .unwrap();
        let read = ::store::read!(db, |tx| applications::find(tx, &app.name).await)
            .unwrap()
            .unwrap();
        assert_eq!(read.display_name.as_str(), "Clients");
        assert_eq!(
            (
                read.revision.get(),
                read.route_revision.get(),
                read.updated_at
            ),
            (3, 2, at(2))
        );
        let routes = ::store::read!(db, |tx| applications::route_revisions(tx).await).unwrap();
        assert_eq!(
            routes,
            [(
                app.name.clone(),
                app.timeline,
                Revision::try_from(2u64).unwrap()
            )]
        );
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn applications_are_listed_by_name_page_by_page(db: Db) {
        ::store::write!(db, |tx| {
            for name in ["c", "a", "b"] {
                applications::insert(tx, &application(name)).await?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
        let names = |list: Vec<Application>| {
            list.into_iter()
                .map(|a| a.name.to_string())
                .collect::<Vec<_>>()
        };
        let first = ::store::read!(db, |tx| applications::list(tx, None, 2).await).unwrap();
        assert_eq!(names(first), ["a", "b"]);
        let next = ::store::read!(db, |tx| applications::list(
            tx,
            Some(&"b".parse().unwrap()),
            2
        )
        .await)
        .unwrap();
        assert_eq!(names(next), ["c"]);
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn an_icon_is_kept_byte_by_byte_until_it_is_taken_away(db: Db) {
        let (app, ..) = crm(&db).await;
        let icon = Icon {
            media: Media::Png,
            data: (0..=255).collect(),
        };
        for expected in [Some(&icon), None] {
            ::store::write!(db, |tx| applications::set_icon(tx, &app.name, expected)
                .await)
            .unwrap();
            let read = ::store::read!(db, |tx| applications::icon(tx, &app.name).await).unwrap();
            assert_eq!(read.as_ref(), expected);
        }
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn one_version_is_in_test_and_its_token_can_change(db: Db) {
        let (app, one, two) = crm(&db).await;
        let test = |version: &VersionRef| Test {
            version: version.version.clone(),
            token: TesterToken::generate().hash(),
            since: at(3),
        };
        let (first, again, other) = (test(&one), test(&one), test(&two));
        let put = async |test: &Test| {
            ::store::write!(db, |tx| applications::put_test(tx, &app.name, test).await).unwrap()
        };
        assert!(put(&first).await);
        assert!(!put(&other).await, "another version is in test");
        assert!(put(&again).await);
        let read = ::store::read!(db, |tx| applications::find(tx, &app.name).await)
            .unwrap()
            .unwrap()
            .test
            .unwrap();
        assert_eq!(
            (read.version, read.token, read.since),
            (one.version.clone(), again.token, at(3))
        );
        let standing = ::store::read!(db, |tx| versions::find(tx, &one).await)
            .unwrap()
            .unwrap()
            .standing;
        assert_eq!(standing, Standing::InTest { since: at(3) });
        let end = async |version: &VersionRef| {
            ::store::write!(db, |tx| applications::end_test(
                tx,
                &app.name,
                &version.version
            )
            .await)
            .unwrap()
        };
        assert!(!end(&two).await);
        assert!(end(&one).await);
        assert!(put(&other).await);
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_version_is_read_as_it_was_written_and_changed(db: Db) {
        let (_, one, two) = crm(&db).await;
        let written = version("applications/crm/versions/1", 1);
        let read = ::store::read!(db, |tx| versions::find(tx, &one).await)
            .unwrap()
            .unwrap();
        assert_eq!(
            (read.facts, read.creation, read.created_at),
            (
                written.facts.clone(),
                written.creation.clone(),
                written.created_at
            )
        );
        assert_eq!(
            (read.standing, read.active_at),
            (Standing::Registered, None)
        );
        assert!(!::store::write!(db, |tx| versions::insert(tx, &written).await).unwrap());

        let mut facts = written.facts;
        facts.app_credentials = AppCredentials::None;
        facts.upstream = "https://crm.internal".parse().unwrap();
        ::store::write!(db, |tx| {
            versions::save(tx, &one, &facts).await?;
            versions::touch(tx, &one.application, &one.version).await
        })
        .unwrap();
        let read = ::store::read!(db, |tx| versions::find(tx, &one).await)
            .unwrap()
            .unwrap();
        assert_eq!((read.facts, read.revision.get()), (facts, 3));

        ::store::write!(db, |tx| versions::delete(tx, &two).await).unwrap();
        assert!(
            ::store::read!(db, |tx| versions::find(tx, &two).await)
                .unwrap()
                .is_none()
        );
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn versions_are_listed_newest_first_of_one_application_or_of_all(db: Db) {
        crm(&db).await;
        ::store::write!(db, |tx| {
            applications::insert(tx, &application("erp")).await?;
            // Of the same moment as one of the other application.
            versions::insert(tx, &version("applications/erp/versions/1", 2)).await
        })
        .unwrap();
        let pages = async |of: Option<&str>| {
            let of = of.map(|of| of.parse().unwrap());
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page =
                    ::store::read!(db, |tx| versions::list(tx, of.as_ref(), after.as_ref(), 1)
                        .await)
                    .unwrap();
                let Some(last) = page.last() else { return seen };
                after = Some(versions::key(last));
                seen.extend(page.iter().map(|v| v.name.to_string()));
            }
        };
        assert_eq!(
            pages(None).await,
            [
                "applications/erp/versions/1",
                "applications/crm/versions/2",
                "applications/crm/versions/1"
            ]
        );
        assert_eq!(
            pages(Some("crm")).await,
            ["applications/crm/versions/2", "applications/crm/versions/1"]
        );
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn an_application_goes_with_all_that_is_its_own(db: Db) {
        let (app, one, two) = crm(&db).await;
        ::store::write!(db, |tx| {
            let test = Test {
                version: one.version.clone(),
                token: TesterToken::generate().hash(),
                since: at(0),
            };
            applications::put_test(tx, &app.name, &test).await?;
            let icon = Icon {
                media: Media::Png,
                data: vec![1],
            };
            applications::set_icon(tx, &app.name, Some(&icon)).await?;
            switches::insert(tx, &switch(&two, 1, "r")).await?;
            history::add(
                tx,
                &app.name,
                &one.version,
                history::Action::Created,
                None,
                &act(""),
            )
            .await?;
            applications::delete(tx, &app.name).await
        })
        .unwrap();
        assert!(
            ::store::read!(db, |tx| applications::find(tx, &app.name).await)
                .unwrap()
                .is_none()
        );
        assert!(
            ::store::read!(db, |tx| versions::find(tx, &one).await)
                .unwrap()
                .is_none()
        );
        crm(&db).await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn the_schema_keeps_an_application_that_has_an_active_version(db: Db) {
        let (app, one, _) = crm(&db).await;
        ::store::write!(db, |tx| switches::commit(tx, &app, &one.version, at(1))
            .await)
        .unwrap();
        let deleted = ::store::write!(db, |tx| applications::delete(tx, &app.name).await);
        assert!(matches!(deleted, Err(Error::ForeignKey(_))), "{deleted:?}");
    }
);
