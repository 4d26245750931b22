//! Messages as entries show them: the protobuf JSON mapping, keys in order, without secrets and pictures.

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Value};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(proto::DESCRIPTOR_SET).expect("the contracts were compiled with us")
});

/// Returns the full name of the method with this simple name, as calls have it, if there is one.
pub(crate) fn method_named(name: &str) -> Option<String> {
    let services = POOL
        .services()
        .filter(|service| service.package_name().starts_with("switchover."));
    services
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|method| {
            let service = method.parent_service().full_name().to_owned();
            (
                method.name().to_owned(),
                format!("/{service}/{}", method.name()),
            )
        })
        .find(|(simple, full)| simple == name || full == name)
        .map(|(_, full)| full)
}

/// Returns a message as JSON. Fields that the contract marks with `debug_redact` are left out, and bytes
/// become their SHA-256.
pub(crate) fn shown<M: Message + Name>(message: &M) -> String {
    let descriptor = POOL
        .get_message_by_name(&M::full_name())
        .expect("every message is part of the contracts");
    let mut message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .expect("what was just encoded decodes");
    redact(&mut message);
    match serde_json::to_value(&message) {
        Ok(json) => sorted(json).to_string(),
        // A time that cannot be is in no answer either.
        Err(error) => Json::String(format!("cannot be shown: {error}")).to_string(),
    }
}

/// Tells whether the contract says that a field is not to be shown.
fn is_secret(field: &FieldDescriptor) -> bool {
    let options = field.options();
    let marked = options.get_field_by_name("debug_redact");
    marked.and_then(|marked| marked.as_bool()).unwrap_or(false)
}

fn redact(message: &mut DynamicMessage) {
    let fields: Vec<_> = message
        .fields()
        .map(|(field, value)| (field, value.clone()))
        .collect();
    for (field, mut value) in fields {
        if is_secret(&field) {
            message.clear_field(&field);
            continue;
        }
        redact_value(&mut value);
        message.set_field(&field, value);
    }
}

/// Takes out of a value what is not shown.
fn redact_value(value: &mut Value) {
    match value {
        Value::Message(inner) => redact(inner),
        Value::List(values) => values.iter_mut().for_each(redact_value),
        Value::Map(values) => values.values_mut().for_each(redact_value),
        // Read again as base64 it is the digest.
        Value::Bytes(bytes) => *bytes = Sha256::digest(&*bytes).to_vec().into(),
        _ => {}
    }
}

/// Sorts the keys of all objects, whatever the JSON library does.
fn sorted(json: Json) -> Json {
    match json {
        Json::Object(object) => {
            let mut pairs: Vec<_> = object.into_iter().collect();
            pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
            let pairs = pairs.into_iter().map(|(key, value)| (key, sorted(value)));
            Json::Object(pairs.collect::<Map<_, _>>())
        }
        Json::Array(values) => Json::Array(values.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use proto::{
        catalog::v1::{Application, Icon, RotateTesterTokenResponse},
        provisioning::v1::{CreateAppCredentialResponse, DecideOfferRequest},
    };

    use super::*;

    #[test]
    fn secrets_are_left_out_and_pictures_are_their_digest() {
        let application = Application {
            name: "applications/crm".to_owned(),
            icon: Some(Icon {
                media_type: "image/png".to_owned(),
                data: vec![1, 2, 3].into(),
            }),
            generation: 7,
            ..Application::default()
        };
        let json = shown(&application);
        assert!(
            json.starts_with(r#"{"generation":"7","icon":{"data":"#),
            "{json}"
        );
        assert!(json.ends_with(r#""mediaType":"image/png"},"name":"applications/crm"}"#));
        assert!(!json.contains("AQID"), "{json}");
        let token = RotateTesterTokenResponse {
            tester_token: "hush".to_owned(),
        };
        assert_eq!(shown(&token), "{}");
        let secret = CreateAppCredentialResponse {
            client_secret: "hush".to_owned(),
            ..CreateAppCredentialResponse::default()
        };
        assert_eq!(shown(&secret), "{}");
        let decided = DecideOfferRequest {
            token: "hush".to_owned(),
            form_token: "hush".to_owned(),
            typed: "crm".to_owned(),
            ..DecideOfferRequest::default()
        };
        assert_eq!(shown(&decided), r#"{"typed":"crm"}"#);
    }

    #[test]
    fn every_field_that_holds_a_secret_is_marked() {
        let mut seen = 0;
        for message in POOL
            .all_messages()
            .filter(|message| message.full_name().starts_with("switchover."))
        {
            for field in message.fields() {
                let marked = is_secret(&field);
                let name = field.name();
                let of_page = name == "page_token" || name == "next_page_token";
                let secret = field.kind() == prost_reflect::Kind::String
                    && (name.ends_with("token") || name.contains("secret"))
                    && !of_page;
                assert!(marked || !secret, "{}", field.full_name());
                seen += usize::from(marked);
            }
        }
        assert!(seen >= 15, "only {seen} marked fields");
    }

    #[test]
    fn a_method_is_found_by_its_name_and_by_its_path() {
        let path = "/switchover.catalog.v1.SwitchService/ConfirmUpdate";
        assert_eq!(method_named("ConfirmUpdate").as_deref(), Some(path));
        assert_eq!(method_named(path).as_deref(), Some(path));
        assert_eq!(method_named("Confirm"), None);
    }
}
