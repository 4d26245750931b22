use proptest::{collection::btree_map, option, prelude::*};

use super::*;
use crate::violations::Fault;

fn roundtrip(problem: &Problem) -> Problem {
    let status = tonic::Status::from(problem.clone());
    let metadata = status.to_http_headers_for_test();
    Problem::from(tonic::Status::from_header_map(&metadata).expect("a status has its headers"))
}

/// Puts a status through the headers that carry it between two processes.
trait Headers {
    fn to_http_headers_for_test(&self) -> tonic::codegen::http::HeaderMap;
}

impl Headers for tonic::Status {
    fn to_http_headers_for_test(&self) -> tonic::codegen::http::HeaderMap {
        let mut headers = tonic::codegen::http::HeaderMap::new();
        self.add_header(&mut headers).expect("details fit a header");
        headers
    }
}

prop_compose! {
    fn problems()(
        code in prop::sample::select(vec![
            Code::InvalidArgument, Code::NotFound, Code::Aborted, Code::Internal,
            Code::FailedPrecondition, Code::Unavailable, Code::ResourceExhausted,
        ]),
        reason in prop::sample::select(reason::all().to_vec()),
        message in ".{0,900}",
        next in option::of(".{0,200}"),
        resource in option::of("[a-z/]{1,60}"),
        metadata in btree_map("[a-z_]{1,10}", ".{0,40}", 0..4),
        fields in prop::collection::vec(("[a-z_.]{1,30}", ".{0,60}"), 0..4),
        delay in option::of(0u64..100_000),
    ) -> Problem {
        let mut problem = Problem::new(code, reason.0, message);
        if let Some(next) = next {
            problem = problem.next(next);
        }
        if let Some(resource) = resource {
            problem = problem.resource(resource);
        }
        for (key, value) in metadata {
            problem = problem.with(&key, value);
        }
        for (field, description) in fields {
            problem = problem.field(FieldViolation::new(field, Fault::Malformed, description));
        }
        if let Some(delay) = delay {
            problem = problem.retry_after(Duration::from_millis(delay));
        }
        problem
    }
}

proptest! {
    #[test]
    fn a_problem_comes_out_of_the_wire_as_it_went_in(problem in problems()) {
        prop_assert_eq!(roundtrip(&problem), problem);
    }

    #[test]
    fn the_largest_problem_fits_the_headers_of_http2(text in ".{700}") {
        let fields = (0..200).map(|n| {
            FieldViolation::new(format!("roles[{n}].description"), Fault::Malformed, &text)
        });
        let problem = Problem::invalid_fields(fields.collect()).next(&text).resource(&text);
        let headers = tonic::Status::from(problem).to_http_headers_for_test();
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        prop_assert!(bytes < 16 * 1024, "{} bytes", bytes);
    }
}

#[test]
fn people_see_an_incident_and_not_its_cause() {
    let cause = std::io::Error::other("password=hunter2");
    let problem = Problem::internal(&cause);
    assert_eq!(problem.code(), Code::Internal);
    assert!(!format!("{problem:?}").contains("hunter2"));
    let incident = &problem.metadata()["incident"];
    assert!(problem.message().contains(incident.as_str()));
    assert_ne!(incident, &Problem::internal(&cause).metadata()["incident"]);
}

#[test]
fn a_status_without_our_details_still_has_a_reason_and_advice() {
    let problem = Problem::from(tonic::Status::unavailable("connection refused"));
    assert!(problem.is(&reason::PEER_UNAVAILABLE));
    assert!(problem.transient());
    assert_eq!(problem.message(), "connection refused");
    assert!(problem.hint().is_some());
    let late = Problem::from(tonic::Status::cancelled("Timeout expired"));
    assert_eq!(late.code(), Code::DeadlineExceeded);
    assert!(late.is(&reason::DEADLINE_EXCEEDED));
    let silent = Problem::from(tonic::Status::unknown(""));
    assert!(!silent.message().is_empty());
}

#[test]
fn one_wrong_field_is_told_in_the_message_itself() {
    let problem = Problem::invalid_fields(vec![FieldViolation::new(
        "application_id",
        Fault::Missing,
        "is needed",
    )]);
    assert_eq!(problem.message(), "application_id: is needed");
    assert_eq!(problem.fields()[0].fault, Fault::Missing);
}
