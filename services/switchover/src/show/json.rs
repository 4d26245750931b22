//! Answers as programs read them: the protobuf JSON mapping, every field written out.

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(proto::DESCRIPTOR_SET).expect("the contracts were compiled with us")
});

/// Returns the message as one line of JSON.
pub fn mapping<M: Message + Name>(message: &M) -> String {
    let descriptor = POOL
        .get_message_by_name(&M::full_name())
        .expect("every answer is part of the contracts");
    let bytes = message.encode_to_vec();
    let message = DynamicMessage::decode(descriptor, bytes.as_slice())
        .expect("what was just encoded decodes");
    let mut text = Vec::new();
    let options = SerializeOptions::new().skip_default_fields(false);
    message
        .serialize_with_options(&mut serde_json::Serializer::new(&mut text), &options)
        .expect("messages map to JSON");
    String::from_utf8(text).expect("JSON is UTF-8")
}

#[cfg(test)]
mod tests {
    use proto::catalog::v1::{Application, GetApplicationResponse};

    use super::*;

    #[test]
    fn an_answer_is_one_line_with_every_field() {
        let answer = GetApplicationResponse {
            application: Some(Application {
                name: "applications/shop".to_owned(),
                generation: 7,
                ..Application::default()
            }),
        };
        let text = mapping(&answer);
        assert!(!text.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let application = &value["application"];
        assert_eq!(application["name"], "applications/shop");
        // 64-bit numbers are strings in the mapping.
        assert_eq!(application["generation"], "7");
        assert_eq!(application["openSwitch"], "");
    }
}
