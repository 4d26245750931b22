//! Client ids and secrets.

use argon2::{Argon2, password_hash::PasswordVerifier as _};
use credential_service_client::CredentialServiceClient;

use super::*;

async fn stored(db: &TestDb) -> (String, Option<String>) {
    let row: Result<(String, Option<String>), store::Error> =
        store::read!(*db.db(), |tx| store::on!(tx, |conn| {
            sqlx::query_as("select secret_hash, previous_hash from credentials")
                .fetch_one(conn)
                .await
        }));
    row.unwrap()
}

fn fits(secret: &str, hash: &str) -> bool {
    let hash = argon2::password_hash::phc::PasswordHash::new(hash).unwrap();
    Argon2::default()
        .verify_password(secret.as_bytes(), &hash)
        .is_ok()
}

store::on_both!(
    MIGRATIONS,
    async fn a_secret_is_shown_once_rotated_with_an_overlap_and_revoked_for_ever(db: TestDb) {
        let world = World::start(&db).await;
        world.catalog.add_version("crm", "plain", false);
        let mut client = CredentialServiceClient::new(world.operator());
        let create = |version: &str| CreateAppCredentialRequest {
            parent: format!("applications/crm/versions/{version}"),
            ..CreateAppCredentialRequest::default()
        };
        let refused = client
            .create_app_credential(create("plain"))
            .await
            .unwrap_err();
        assert_eq!(
            Problem::from(refused).reason(),
            &reason::CREDENTIALS_NOT_NEEDED
        );
        let made = client
            .create_app_credential(create("1"))
            .await
            .unwrap()
            .into_inner();
        let (credential, first) = (made.credential.unwrap(), made.client_secret);
        assert_eq!((first.len(), credential.client_id.len()), (43, 22));
        let (hash, previous) = stored(&db).await;
        assert!(hash.starts_with("$argon2id$") && fits(&first, &hash) && previous.is_none());

        let rotate_within = |overlap| RotateAppCredentialRequest {
            name: credential.name.clone(),
            overlap,
            request_id: String::new(),
        };
        let span = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
        let rotate =
            |overlap: Option<i64>| rotate_within(overlap.and_then(|seconds| span(seconds, 0)));
        let rotated = client
            .rotate_app_credential(rotate(None))
            .await
            .unwrap()
            .into_inner();
        let (hash, previous) = stored(&db).await;
        assert!(
            fits(&rotated.client_secret, &hash)
                && !fits(&first, &hash)
                && fits(&first, &previous.unwrap())
        );
        let shown = rotated.credential.unwrap();
        let until =
            shown.previous_secret_expire_time.unwrap().seconds - shown.rotate_time.unwrap().seconds;
        assert_eq!(
            (until, &shown.client_id),
            (24 * 60 * 60, &credential.client_id)
        );
        let rotated = client
            .rotate_app_credential(rotate(Some(0)))
            .await
            .unwrap()
            .into_inner();
        assert!(
            rotated
                .credential
                .unwrap()
                .previous_secret_expire_time
                .is_none()
        );
        for (seconds, nanos) in [
            (-1, 0),
            (0, -1),
            (0, i32::MAX),
            (30 * 24 * 60 * 60, 1),
            (i64::MAX, 0),
            (i64::MIN, 0),
            (i64::MIN, i32::MIN),
        ] {
            let problem = Problem::from(
                client
                    .rotate_app_credential(rotate_within(span(seconds, nanos)))
                    .await
                    .unwrap_err(),
            );
            assert_eq!(problem.fields()[0].field, "overlap");
        }

        let revoke = || RevokeAppCredentialRequest {
            name: credential.name.clone(),
        };
        let revoked = client
            .revoke_app_credential(revoke())
            .await
            .unwrap()
            .into_inner();
        assert!(revoked.credential.as_ref().unwrap().revoke_time.is_some());
        world.minutes(1);
        assert_eq!(
            client
                .revoke_app_credential(revoke())
                .await
                .unwrap()
                .into_inner(),
            revoked
        );
        let refused = client
            .rotate_app_credential(rotate(None))
            .await
            .unwrap_err();
        assert_eq!(Problem::from(refused).reason(), &reason::CREDENTIAL_REVOKED);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn credentials_are_listed_newest_first_and_by_version(db: TestDb) {
        let world = World::start(&db).await;
        let mut client = CredentialServiceClient::new(world.operator());
        let mut made = Vec::new();
        for version in ["1", "1", "2"] {
            world.minutes(1);
            let request = CreateAppCredentialRequest {
                parent: format!("applications/crm/versions/{version}"),
                ..CreateAppCredentialRequest::default()
            };
            made.push(
                client
                    .create_app_credential(request)
                    .await
                    .unwrap()
                    .into_inner()
                    .credential
                    .unwrap(),
            );
        }
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListAppCredentialsRequest {
                parent: "applications/crm/versions/1".to_owned(),
                page_size: 1,
                page_token,
            };
            let page = client
                .list_app_credentials(request)
                .await
                .unwrap()
                .into_inner();
            seen.extend(page.credentials);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        made.pop();
        made.reverse();
        assert_eq!(seen, made);
        let unknown = RevokeAppCredentialRequest {
            name: made[0].name.replace("versions/1", "versions/2"),
        };
        assert_eq!(
            Problem::from(client.revoke_app_credential(unknown).await.unwrap_err()).code(),
            contract::Code::NotFound
        );
        world.finish().await;
    }
);
