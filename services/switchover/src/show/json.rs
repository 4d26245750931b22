//! Answers as programs read them: the protobuf JSON mapping, every field written out.

use std::{io, sync::LazyLock};

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(proto::DESCRIPTOR_SET).expect("the contracts were compiled with us")
});

/// Returns the message as one line of JSON. Fails on an answer with a time or a span that the mapping
/// cannot write because it cannot be.
pub fn mapping<M: Message + Name>(message: &M) -> io::Result<String> {
    let descriptor = POOL
        .get_message_by_name(&M::full_name())
        .expect("every answer is part of the contracts");
    let bytes = message.encode_to_vec();
    let message = DynamicMessage::decode(descriptor, bytes.as_slice())
        .expect("what was just encoded decodes");
    let mut text = Vec::new();
    let options = SerializeOptions::new().skip_default_fields(false);
    message.serialize_with_options(&mut serde_json::Serializer::new(&mut text), &options)?;
    Ok(String::from_utf8(text).expect("JSON is UTF-8"))
}

#[cfg(test)]
mod tests {
    use proto::catalog::v1::{Application, GetApplicationResponse, SwitchPolicy};

    use super::*;

    #[test]
    fn an_answer_with_a_time_that_cannot_be_is_refused() {
        for (seconds, nanos) in [(i64::MIN, 0), (i64::MIN, i32::MIN), (i64::MAX, i32::MAX)] {
            let timed = Application {
                create_time: Some(prost_types::Timestamp { seconds, nanos }),
                ..Application::default()
            };
            let spanned = Application {
                policy: Some(SwitchPolicy {
                    hold_timeout: Some(prost_types::Duration { seconds, nanos }),
                    ..SwitchPolicy::default()
                }),
                ..Application::default()
            };
            for application in [timed, spanned] {
                let error = mapping(&application).unwrap_err().to_string();
                assert!(error.contains("out of range"), "{error}");
            }
        }
    }

    #[test]
    fn no_second_of_the_last_day_and_no_nanosecond_breaks_the_mapping() {
        for seconds in [-62_135_596_800, 0, 253_402_300_799] {
            for nanos in [i32::MIN, -1, 0, i32::MAX] {
                let application = Application {
                    create_time: Some(prost_types::Timestamp { seconds, nanos }),
                    ..Application::default()
                };
                assert!(mapping(&application).is_ok());
            }
        }
    }

    #[test]
    fn an_answer_is_one_line_with_every_field() {
        let answer = GetApplicationResponse {
            application: Some(Application {
                name: "applications/shop".to_owned(),
                generation: 7,
                ..Application::default()
            }),
        };
        let text = mapping(&answer).unwrap();
        assert!(!text.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let application = &value["application"];
        assert_eq!(application["name"], "applications/shop");
        // 64-bit numbers are strings in the mapping.
        assert_eq!(application["generation"], "7");
        assert_eq!(application["openSwitch"], "");
    }
}
